"""Turns the JSON of the C++ benchmarks into the tables of docs/explanation/benchmarks.md.

    wideload_benchmarks --benchmark_out_format=json --benchmark_out=runs/native/NAME.json [--benchmark_repetitions=5]
    python native/benchmarks/tabulate.py runs/native docs/explanation/benchmarks.md

Rates of one run are compared with each other only: a cell is the median rate of a case, a ratio is the sparse table's
median over the reference's. The tables replace what stands between the two marker comments of the document; without a
document they go to standard output.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
OURS = "wideload"
REFERENCES = ("tensornet", "abseil", "boost", "gather")
_NAME = re.compile(r"^(?P<operation>\w+)/(?P<table>\w+)(?P<axes>(?:/\w+:\w+)*)")


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """What was measured, whoever ran it; axes as ``(("rows", "4000000"), ("dim", "8"), ...)``."""

    operation: str
    axes: tuple[tuple[str, str], ...]

    def axis(self, name: str, default: str = "") -> str:
        return dict(self.axes).get(name, default)


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one run of the benchmarks."""

    rates: dict[Case, dict[str, list[float]]] = field(default_factory=dict)
    growth: dict[int, dict[str, float]] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)

    def rate(self, case: Case, table: str) -> float | None:
        """Median signs per second; None where that table was not measured."""
        samples = self.rates.get(case, {}).get(table)
        return statistics.median(samples) if samples else None

    def ratio(self, case: Case, table: str) -> float | None:
        ours, theirs = self.rate(case, OURS), self.rate(case, table)
        return ours / theirs if ours and theirs else None


def read(path: Path) -> Run:
    """Reads Google Benchmark's JSON, one file or a folder of them; every repetition is a sample."""
    documents = [json.loads(file.read_text()) for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    run = Run(context=documents[0]["context"])
    for entry in (entry for document in documents for entry in document["benchmarks"]):
        if entry.get("run_type") == "aggregate":
            continue
        case, table = _parse(entry)
        if case.operation == "growth":
            run.growth[int(case.axis("rows"))] = entry
        elif "items_per_second" in entry:
            run.rates.setdefault(case, {}).setdefault(table, []).append(entry["items_per_second"])
    return run


def _parse(entry: dict[str, Any]) -> tuple[Case, str]:
    match = _NAME.match(entry["run_name"])
    if match is None:
        raise ValueError(f"cannot read the benchmark name {entry['run_name']!r}.")
    axes = [tuple(axis.split(":")) for axis in match["axes"].split("/") if axis]
    if match["operation"] in {"pull", "push"} and "threads" not in dict(axes):
        axes.append(("threads", str(entry.get("threads", 1))))
    return Case(match["operation"], tuple((name, value) for name, value in axes)), match["table"]


def tables(run: Run) -> str:
    """All sections as Markdown."""
    sections = [_machine(run), _access(run), _scaling(run), _unique(run), _growth(run)]
    return "\n\n".join(section for section in sections if section)


def _machine(run: Run) -> str:
    context = run.context
    return f"Measured on {context['num_cpus']} processors at {context['mhz_per_cpu']} MHz, {context['date'][:10]}."


def _access(run: Run) -> str:
    rows = []
    for case in sorted(run.rates, key=_order):
        ours = run.rate(case, OURS)
        if case.operation not in {"pull", "push", "create"} or ours is None:
            continue
        rows.append(
            [
                case.operation,
                f"{int(case.axis('rows')) // 1_000_000} M",
                case.axis("dim"),
                "Zipf" if case.axis("zipf") == "1" else "uniform",
                case.axis("threads", "1"),
                f"{ours / 1e6:.1f}",
                *(_times(run.ratio(case, table)) for table in REFERENCES),
            ]
        )
    heads = ["operation", "rows", "dim", "keys", "threads", "M signs/s", *(f"over {table}" for table in REFERENCES)]
    return _markdown(heads, rows)


def _scaling(run: Run) -> str:
    """Two threads over one, where both were measured."""
    rows = []
    for case in sorted(run.rates, key=_order):
        if case.axis("threads") != "2":
            continue
        single = Case(case.operation, tuple((name, "1" if name == "threads" else value) for name, value in case.axes))
        two, one = run.rate(case, OURS), run.rate(single, OURS)
        if two and one:
            keys = "Zipf" if case.axis("zipf") == "1" else "uniform"
            rows.append(
                [case.operation, f"{int(case.axis('rows')) // 1_000_000} M", case.axis("dim"), keys, _times(two / one)]
            )
    return _markdown(["operation", "rows", "dim", "keys", "two threads over one"], rows)


def _unique(run: Run) -> str:
    rows = []
    for case in sorted((case for case in run.rates if case.operation == "unique"), key=_order):
        ours, theirs, sharded = (run.rate(case, name) for name in (OURS, "map_per_slot", "wideload_by_shard"))
        if ours and theirs and sharded:
            rows.append(
                [
                    case.axis("examples"),
                    f"{ours / 1e6:.0f}",
                    f"{sharded / 1e6:.0f}",
                    f"{theirs / 1e6:.0f}",
                    _times(ours / theirs),
                ]
            )
    heads = ["examples of 26 slots", "M signs/s", "ordered by shard", "std::map per slot", "ratio"]
    return _markdown(heads, rows)


def _growth(run: Run) -> str:
    rows = [
        [
            f"{count // 1_000_000} M",
            f"{entry['bytes_per_row']:.1f}",
            f"{entry['beyond_payload']:.1f}",
            f"{entry['peak_ratio']:.2f}",
            f"{entry['worst_pause_ms']:.2f}",
            f"{entry['empty_bytes'] / 1024:.0f}",
        ]
        for count, entry in sorted(run.growth.items())
    ]
    heads = ["rows", "bytes a row", "beyond payload", "peak over steady", "worst pause, ms", "empty table, KiB"]
    return _markdown(heads, rows)


def _order(case: Case) -> tuple[str, tuple[int, ...]]:
    return case.operation, tuple(int(case.axis(name, "0")) for name in ("dim", "rows", "zipf", "threads", "examples"))


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x"


def _markdown(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [" | ".join(row) for row in rows]
    if not lines:
        return ""
    return "\n".join(f"| {line} |" for line in [" | ".join(heads), " | ".join("---" for _ in heads), *lines])


def insert(document: str, content: str) -> str:
    """Replaces what stands between the markers.

    Raises:
        ValueError: the markers are missing.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {BEGIN} and {END}.")
    return f"{head}{BEGIN}\n\n{content}\n\n{END}{tail}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Write the tables of docs/explanation/benchmarks.md from one run's JSON."
    )
    parser.add_argument("run", type=Path, help="output of wideload_benchmarks --benchmark_out")
    parser.add_argument("document", type=Path, nargs="?", help="Markdown file with the two markers")
    arguments = parser.parse_args()
    content = tables(read(arguments.run))
    if arguments.document is None:
        sys.stdout.write(content + "\n")
    else:
        arguments.document.write_text(insert(arguments.document.read_text(), content))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
