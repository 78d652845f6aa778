"""``wideload show``: the answer and its numbers in the terminal, or every record as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

EPILOG = """\b
Examples:
  wideload show runs/census
  wideload show runs/census --target-auc 0.9
  wideload show runs/census --json | jq .runs[].auc
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable: every record with every field.")
@click.option("--target-auc", type=float, help="Also show the seconds of training until this AUC was reached.")
def show(run: Path, as_json: bool, target_auc: float | None) -> None:
    """Show the results of a run in the terminal.

    The numbers are those of the report: medians over the rounds, ratios paired by round.
    """
    from wideload.reports.reading import read

    results = read(run)
    for warning in results.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        kinds = {"runs": results.runs, "ranks": results.ranks, "checks": results.checks}
        content = {kind: [record.model_dump(mode="json") for record in records] for kind, records in kinds.items()}
        click.echo(json.dumps(content))
        return
    from wideload import terminal
    from wideload.reports.plain.terminal import summed_up

    terminal.show(*summed_up(results, target_auc))
