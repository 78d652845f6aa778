"""``wideload history``. Reports stand above the harness, so they are loaded by name, as commands are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import click

from wideload import files
from wideload.errors import UsageError
from wideload.harness.records.history import Commit, add, measured
from wideload.registry import load
from wideload.terminal import show

_FILE = click.option(
    "--history",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("history.parquet"),
    help="File that holds the history.",
)


@click.group("history", context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def command() -> None:
    """Keep results across commits, and find what changed."""


@command.command("add", epilog="Example: `wideload history add runs/step --history results/history.parquet`")
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@_FILE
@click.option("--commit", default="HEAD", help="Commit that was measured, as git names it.")
def add_command(sources: tuple[Path, ...], path: Path, commit: str) -> None:
    """Add what was measured of a commit.

    A source is a run folder, or the JSON file of pytest-benchmark or of Google Benchmark. What was added before for the
    same commit and machine is replaced.
    """
    found = commit_of(commit)
    points = [point for source in sources for point in measured(source, found)]
    add(path, points)
    click.echo(f"{len(points)} measurements of {found.name[:10]} in {path}", err=True)


@command.command("show", epilog="Example: `wideload history show -o history.html`")
@_FILE
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show_command(path: Path, output: Path | None, as_json: bool) -> None:
    """Show every series with its steps and drifts, the ones that changed first."""
    if not path.exists():
        raise UsageError(f"{path} does not exist. `wideload history add RUN` makes it.")
    history = load("wideload.reports.findings.history:History").of(path)
    if output is not None:
        files.write(output, load("wideload.reports.html.history:html")(history))
    if as_json:
        click.echo(json.dumps(history.as_json()))
    else:
        show(*load("wideload.reports.plain.history:listed")(history))


def commit_of(name: str) -> Commit:
    """The commit of that name in the git repository of this folder.

    Raises:
        UsageError: there is no git here, or no such commit.
    """
    try:
        answer = subprocess.run(
            ["git", "show", "--no-patch", "--format=%H %cI", name, "--"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UsageError(f"the commit {name} cannot be looked up: {error}. Install git.") from None
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines()[-1:] or ["git failed"]
        raise UsageError(
            f"{name} names no commit here ({reason[0]}). Call this within the repository that was measured."
        )
    commit, _, committed = answer.stdout.strip().splitlines()[-1].partition(" ")
    return Commit(commit, committed)
