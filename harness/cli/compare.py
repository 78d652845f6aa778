"""``wideload compare``."""

from __future__ import annotations

from pathlib import Path

import click

from wideload.harness.cli.run_tables import ratios_table
from wideload.terminal import show


@click.command(
    "compare",
    epilog="Examples: `wideload compare runs/before runs/after --min-ratio 0.95`, "
    "`wideload compare runs/a:horovod runs/a:sparse_ps`, `wideload compare runs/a`",
)
@click.argument("baseline")
@click.argument("candidate", required=False)
@click.option("--metric", default="examples_per_second", help="Field of the record to compare.")
@click.option("--min-ratio", type=float, help="Exit with 1 when the candidate stays below this share of the baseline.")
@click.option("--force", is_flag=True, help="Compare even if the two did not solve the same problem.")
def command(baseline: str, candidate: str | None, metric: str, min_ratio: float | None, force: bool) -> int:
    """Compare two runs or two strategies, pair by pair.

    Each side is a run folder, or FOLDER:STRATEGY for the cases of one strategy. With a single folder, every strategy
    in it is compared with the baseline that its experiment names. Ratios are taken within a round; the interval is a
    95 % bootstrap interval of their median.
    """
    from wideload.harness.analysis.compare import against_baseline, compare

    if candidate is None:
        found = against_baseline(Path(baseline), metric, force)
    else:
        found = compare(baseline, candidate, metric, force)
    show(ratios_table(found))
    regressed = [entry for entry in found if min_ratio is not None and entry.regressed(min_ratio)]
    for entry in regressed:
        click.echo(f"regression: {entry.candidate} reaches {entry.ratio} of {entry.baseline}", err=True)
    return int(bool(regressed))
