"""``wideload report``: writes the page, or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

EPILOG = """\b
Examples:
  wideload report runs/demo -o report.html
  wideload report runs/after --before runs/before -o change.html
  wideload report runs/demo --format md >> README.md
"""

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", type=_FOLDER)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write. HTML: RUN/report.html; md: stdout.",
)
@click.option(
    "--format", "form", type=click.Choice(["html", "md"]), default="html", show_default=True, help="What to write."
)
@click.option("--before", type=_FOLDER, help="Another run folder to compare with.")
@click.option("--benchmarks", type=_FILE, help="JSON of `pytest --benchmark-json`, shown as a section (HTML).")
def report(
    run: Path, output: Path | None, form: Literal["html", "md"], before: Path | None, benchmarks: Path | None
) -> None:
    """Write one page that answers from the results in RUN."""
    if form == "html":
        _html(run, output or run / "report.html", before, benchmarks)
    elif benchmarks is not None:
        raise click.UsageError("--benchmarks is for HTML; leave out --format md.")
    else:
        _markdown(run, output, before)


def _html(run: Path, output: Path, before: Path | None, benchmarks: Path | None) -> None:
    from wideload.reports.html.render import render

    render(run, output, before=before, benchmarks=benchmarks)
    click.echo(str(output))


def _markdown(run: Path, output: Path | None, before: Path | None) -> None:
    from wideload.reports.plain.markdown import markdown

    words = markdown(run, before=before)
    if output is None:
        click.echo(words, nl=False)
    else:
        output.write_text(words, encoding="utf-8")
        click.echo(str(output))
