"""The JSON that ``pytest --benchmark-json`` writes, as a section of the report."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from wideload.errors import DataError
from wideload.reports import quantity, text


class Stats(BaseModel):
    """Seconds over the rounds of one benchmark."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    min: float
    median: float
    iqr: float
    rounds: int


class Benchmark(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    group: str | None = None
    stats: Stats


class Benchmarks(BaseModel):
    """What the report reads of the file; other fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    benchmarks: tuple[Benchmark, ...]
    datetime: str = ""

    @classmethod
    def read(cls, path: Path) -> Benchmarks:
        """Raises DataError when ``path`` is missing or not pytest-benchmark's JSON."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise DataError(f"{path}: not the JSON that `pytest --benchmark-json` writes: {problem}.") from None

    @property
    def summary(self) -> str:
        when = f", {text.label(self.datetime[:19])}" if self.datetime else ""
        return (
            f"{quantity.count(len(self.benchmarks), 'benchmark')}{when}. Time of one call: the median over the rounds."
        )

    def rows(self) -> list[dict[str, str]]:
        """By group, the fastest first."""
        ordered = sorted(self.benchmarks, key=lambda each: (each.group or "", each.stats.median))
        return [
            {
                "name": text.label(each.name, 100),
                "group": text.label(each.group or ""),
                "median": duration(each.stats.median),
                "iqr": duration(each.stats.iqr),
                "least": duration(each.stats.min),
                "rounds": f"{each.stats.rounds:,}",
            }
            for each in ordered
        ]


def duration(seconds: float) -> str:
    """Seconds with the unit that fits: ns, µs, ms or s."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{quantity.digits(seconds / factor)} {unit}"
    return f"{quantity.digits(seconds / 1e-9)} ns"
