"""``wideload run``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wideload.errors import UsageError
from wideload.harness.cli.display import chosen_display
from wideload.harness.cli.request import experiment_options, hosts, print_withheld, requested
from wideload.harness.cli.run_tables import checks_table, ratios_table, runs_table
from wideload.harness.experiment.experiment import Experiment
from wideload.harness.job.mpi import find
from wideload.harness.sweep.plan import plan
from wideload.terminal import show


@click.command("run", epilog="Example: `wideload run experiments/demo_census.toml -n 2 -o runs/census`")
@experiment_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Run folder.  [default: runs/DATE-TIME]", show_default=False
)
@click.option(
    "--rerun",
    type=click.Choice(["missing", "failed", "all"]),
    default="missing",
    help="Which recorded cases to run again.",
)
@click.option("--dry-run", is_flag=True, help="Print the cases and their command lines; run nothing.")
def command(output: Path | None, rerun: Any, dry_run: bool, **request: Any) -> int:
    """Run an experiment and record every case of it.

    Cases that are recorded are skipped, so running the same line again resumes an interrupted sweep. A case that broke
    off and has a checkpoint resumes from it; --rerun failed also runs those again that have none.
    """
    from wideload.harness.sweep.outlook import exit_code
    from wideload.harness.sweep.sweep import Sweep

    experiment = requested(request)
    folder = output or Path("runs") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    if dry_run:
        return print_plan(experiment, folder, request)
    with chosen_display() as display:
        sweep = Sweep.prepare(experiment, folder, display, hosts(request))
        print_withheld(sweep.launcher.mpi)
        runs = sweep.run(rerun)
    show(*runs_table(runs), *(checks_table(sweep.checks) if sweep.checks else ()))
    if experiment.baseline is not None:
        show_ratios(folder, experiment.baseline)
    click.echo(f"recorded in {folder}; `wideload report {folder}` makes a page of it", err=True)
    if text := str(sweep.outlook):
        click.echo(text, err=True)
    return exit_code(runs, sweep.checks)


def show_ratios(folder: Path, baseline: str) -> None:
    """Prints throughput relative to the baseline; if nothing can be compared, the reason, which is no failure."""
    from wideload.harness.analysis.compare import against_baseline

    try:
        show(ratios_table(against_baseline(folder, "examples_per_second")))
    except UsageError as error:
        click.echo(f"no ratios to {baseline}: {error}", err=True)


def print_plan(experiment: Experiment, folder: Path, request: dict[str, Any]) -> int:
    """Prints every case and the command that would start it."""
    from wideload.harness.job.launcher import Launcher
    from wideload.harness.job.limits import Limits

    launcher = Launcher(find(), folder, Limits(), hosts(request))
    for entry in plan(experiment):
        note = f"  # not run: {entry.unavailable}" if entry.unavailable else ""
        click.echo(f"{entry.case.case_id}{note}\n  {launcher.shell_line(entry.case)}")
    return 0
