"""``wideload check``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wideload.harness.cli.display import chosen_display
from wideload.harness.cli.request import experiment_options, hosts, print_withheld, requested
from wideload.harness.cli.run_tables import checks_table
from wideload.terminal import show


@click.command(
    "check",
    epilog="Examples: `wideload check -d census -s sparse_ps -s horovod -n 2`, `wideload check --plugin my_strategy`",
)
@experiment_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Run folder.  [default: runs/check-DATE-TIME]",
    show_default=False,
)
@click.option("--check-steps", type=int, default=200, help="Steps whose losses are compared.")
@click.option("--plugin", metavar="NAME", help="Check that this strategy or data set implements its contract.")
def command(output: Path | None, check_steps: int, plugin: str | None, **request: Any) -> int:
    """Check that strategies compute what the reference computes.

    Trains the reference and every strategy for some steps, from the same weights and on the same batches, and compares
    their losses. The exit code is 1 when a synchronous strategy does not follow the reference or could not be run.
    """
    from wideload.harness.sweep.outlook import exit_code
    from wideload.harness.sweep.sweep import Sweep, as_check

    folder = output or Path("runs") / f"check-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if plugin is not None:
        return check_contract(plugin, folder, request)
    experiment = as_check(requested(request), check_steps)
    with chosen_display() as display:
        sweep = Sweep.prepare(experiment, folder, display, hosts(request))
        print_withheld(sweep.launcher.mpi)
        runs = sweep.run()
    show(*checks_table(sweep.checks))
    return exit_code(runs, sweep.checks)


def check_contract(name: str, folder: Path, request: dict[str, Any]) -> int:
    """Prints every rule of the contract with its verdict."""
    from wideload.testing.check import check_plugin

    failed = 0
    for finding in check_plugin(name, folder, hosts(request)):
        failed += finding.verdict == "FAIL"
        click.echo(f"{finding.verdict:4}  {finding.rule}{f': {finding.reason}' if finding.reason else ''}")
    return int(failed > 0)
