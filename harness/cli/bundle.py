"""``wideload bundle``. Reports stand above the harness, so they are loaded by name, as commands are."""

from __future__ import annotations

from pathlib import Path

import click

from wideload.registry import load


@click.command("bundle", epilog="Example: `wideload bundle runs/census -o census.tar.gz`")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Archive to write.  [default: RUN.tar.gz]",
    show_default=False,
)
def command(run: Path, output: Path | None) -> None:
    """Pack a run into one archive that others can verify.

    It holds the experiment, the records, the logs, the environment, the versions of all packages, the fingerprints of
    the data and the report; not the data. Logs, environment and records name hosts and paths: look at them before you
    publish the archive.
    """
    from wideload.harness.records import bundle
    from wideload.harness.records.results import Results

    report = load("wideload.reports.html.render:html")(Results.read(run))
    path = output or run.with_name(f"{run.resolve().name}.tar.gz")
    bundle.pack(run, report, path)
    click.echo(str(path))
