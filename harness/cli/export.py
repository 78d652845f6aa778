"""``wideload export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("export", epilog="Example: `wideload export runs/census -o census.csv`")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "trace", "tensorboard", "mllog"]),
    help="Format of the output.  [default: chosen by the suffix: .parquet, .csv, or .json for a trace]",
    show_default=False,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write; a folder for tensorboard and mllog.",
)
def command(run: Path, form: Any, output: Path) -> None:
    """Write results in a format that other tools read.

    A trace holds the timelines of a run with `trace = true`; open it in ui.perfetto.dev. mllog writes the runs of a
    race as MLPerf log lines.
    """
    from wideload.harness.records.export import export, form_of

    export(run, form_of(output, form), output)
    click.echo(str(output))
