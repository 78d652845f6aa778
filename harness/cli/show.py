"""``wideload show``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wideload.harness.cli.tables import checks_table, reach_table, runs_table


@click.command("show", epilog="Example: `wideload show runs/census --json | jq .runs[].auc`")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, with every field.")
@click.option("--target-auc", type=float, help="Also show after how many seconds of training this AUC was reached.")
def command(run: Path, as_json: bool, target_auc: float | None) -> None:
    """Show the results of a run as a table."""
    from wideload.harness.results import Results

    results = Results.read(run)
    for warning in results.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        kinds = {"runs": results.runs, "ranks": results.ranks, "checks": results.checks}
        content = {kind: [record.model_dump(mode="json") for record in records] for kind, records in kinds.items()}
        click.echo(json.dumps(content))
        return
    if results.runs:
        click.echo(runs_table(results.runs))
    if target_auc is not None:
        click.echo(reach_table(results, target_auc))
    if results.checks:
        click.echo(checks_table(results.checks))
