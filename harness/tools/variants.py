"""``python -m wideload.harness.tools.variants RUN PAGE``: writes a table of what each variant of a strategy gains.

The variants of a strategy are compared with its default, the one without options, round by round. The table replaces
what is between the page's markers ``<!-- variants: begin -->`` and ``<!-- variants: end -->``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from wideload.errors import UsageError
from wideload.harness.records.results import Results, RunRecord
from wideload.options import Spec

BEGIN, END = "<!-- variants: begin -->", "<!-- variants: end -->"
HEADER = ("variant", "examples/s", "to default", "rounds", "step p50", "PSS", "flagged")


def table(results: Results) -> str:
    """A Markdown table of every measured variant, grouped by strategy.

    Raises:
        UsageError: the run contains no finished case.
    """
    runs = [run for run in results.runs if run.status == "ok" and run.kind == "train" and run.throughput]
    if not runs:
        raise UsageError(f"{results.path} holds no finished case; run experiments/rivals.toml first.")
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _rows(runs))])


def _rows(runs: Sequence[RunRecord]) -> Iterator[list[str]]:
    by_variant: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        by_variant.setdefault((run.strategy, label(run)), []).append(run)
    for strategy, name in sorted(by_variant, key=lambda key: (key[0], key[1] != key[0], key[1])):
        mine = by_variant[strategy, name]
        yield [f"`{name}`", *_figures(mine, by_variant.get((strategy, strategy), []))]


def label(run: RunRecord) -> str:
    """The strategy with those of its options that differ from the default."""
    from wideload.strategies import find

    defaults = find(run.strategy).Options().model_dump(mode="json")
    chosen = {key: value for key, value in run.options.items() if value != defaults.get(key)}
    return str(Spec.of(run.strategy, chosen))


def _figures(mine: Sequence[RunRecord], default: Sequence[RunRecord]) -> list[str]:
    speeds = {run.round: run.throughput or 0.0 for run in mine}
    others = {run.round: run.throughput or 0.0 for run in default}
    ratios = [speeds[number] / others[number] for number in speeds if others.get(number)]
    memory = [run.peak_pss_bytes for run in mine if run.peak_pss_bytes]
    steps = [run.step_ms["p50"] for run in mine if "p50" in run.step_ms]
    return [
        f"{median(speeds.values()):,.0f}",
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "",
        str(len(mine)),
        f"{median(steps):.2f} ms" if steps else "",
        f"{median(memory) / 2**20:,.0f} MiB" if memory else "",
        str(sum(bool(run.flagged) for run in mine) or ""),
    ]


def fill(page: str, content: str) -> str:
    """The page with ``content`` between its markers.

    Raises:
        UsageError: it has no markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"the page has no {BEGIN} ... {END}.")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Rewrites the page; returns the exit code."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m wideload.harness.tools.variants RUN PAGE\n")
        return 2
    run, page = Path(arguments[0]), Path(arguments[1])
    page.write_text(fill(page.read_text(encoding="utf-8"), table(Results.read(run))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
