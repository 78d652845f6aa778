"""``wideload compare``."""

from __future__ import annotations

import click

from wideload.tables import show, table


@click.command(
    "compare",
    epilog="Examples: `wideload compare runs/before runs/after --min-ratio 0.95`, "
    "`wideload compare runs/a:horovod runs/a:sparse_ps`",
)
@click.argument("baseline")
@click.argument("candidate")
@click.option("--metric", default="examples_per_second", help="Field of the record to compare.")
@click.option("--min-ratio", type=float, help="Exit 1 when the candidate falls short of this share of the baseline.")
@click.option("--force", is_flag=True, help="Compare even when the two did not solve the same problem.")
def command(baseline: str, candidate: str, metric: str, min_ratio: float | None, force: bool) -> int:
    """Compare two runs or two strategies, pair by pair.

    Each side is a run folder, or FOLDER:STRATEGY for the cases of one strategy. Ratios are taken within a round; the
    interval is a 95 % bootstrap interval of their median.
    """
    from wideload.harness.compare import compare

    found = compare(baseline, candidate, metric, force)
    head = ("candidate / baseline", "data set", "ranks", f"ratio of {metric}", "verdict")
    rows = [
        (
            f"{entry.candidate} / {entry.baseline}",
            entry.dataset,
            str(entry.ranks),
            str(entry.ratio),
            entry.verdict + (f" (other {', '.join(entry.mismatch)}!)" if entry.mismatch else ""),
        )
        for entry in found
    ]
    show(table(head, rows, numbers=("ranks",)))
    regressed = [entry for entry in found if min_ratio is not None and entry.regressed(min_ratio)]
    for entry in regressed:
        click.echo(f"regression: {entry.candidate} reaches {entry.ratio} of {entry.baseline}", err=True)
    return int(bool(regressed))
