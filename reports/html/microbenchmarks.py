"""The JSON that ``pytest --benchmark-json`` writes, as a section of the report."""

from __future__ import annotations

from wideload.harness.records.microbenchmarks import Microbenchmarks
from wideload.reports import quantity, text


class Benchmarks(Microbenchmarks):
    """The file, formatted as text."""

    @property
    def summary(self) -> str:
        when = f", {text.label(self.datetime[:19])}" if self.datetime else ""
        return (
            f"{quantity.count(len(self.benchmarks), 'benchmark')}{when}. Time of one call: the median over the rounds."
        )

    def rows(self) -> list[dict[str, str]]:
        """The rows of the table, by group, the fastest first."""
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
