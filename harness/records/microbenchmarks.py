"""Timings of single functions, read from the files that ``pytest --benchmark-json`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from wideload.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Stats(BaseModel):
    """Seconds of one call, over the rounds of one benchmark."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    min: float
    max: float | None = None
    mean: float | None = None
    stddev: float | None = None
    median: float
    iqr: float
    rounds: int


class Benchmark(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    fullname: str = ""
    group: str | None = None
    params: dict[str, Any] | None = None
    extra_info: dict[str, Any] = {}
    stats: Stats


class Microbenchmarks(BaseModel):
    """One file; fields that are not named here are ignored.

    Attributes:
        datetime: when they ran, ISO 8601; machine_info: what pytest-benchmark found out about the machine.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    benchmarks: tuple[Benchmark, ...]
    datetime: str = ""
    machine_info: dict[str, Any] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file.

        Raises:
            DataError: ``path`` is missing or not pytest-benchmark's JSON.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise DataError(f"{path}: not the JSON that `pytest --benchmark-json` writes: {problem}.") from None

    def frame(self) -> pd.DataFrame:
        """One row a benchmark; nested entries are columns: ``stats.median`` in seconds, ``params.size``."""
        import pandas as pd

        return pd.DataFrame([self._row(benchmark) for benchmark in self.benchmarks])

    def _row(self, benchmark: Benchmark) -> dict[str, Any]:
        nested = {
            "params": benchmark.params or {},
            "stats": benchmark.stats.model_dump(),
            "extra": benchmark.extra_info,
        }
        entries = {f"{name}.{key}": value for name, part in nested.items() for key, value in part.items()}
        plain = {"name": benchmark.name, "fullname": benchmark.fullname, "group": benchmark.group}
        return plain | {"datetime": self.datetime} | entries
