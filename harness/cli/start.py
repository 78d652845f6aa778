"""``wideload start``: from a file or folder to a report, through the commands that a user would type.

::

    detect ──► layout.toml ──`data prepare`──► data/ ──► experiment.toml ──`run`──► run/ ──`show`, `report`──► a page

Each command line is printed before it is called. Files that are there already are kept: whoever changes one and starts
again goes on from there.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wideload.errors import DataError, UnavailableError, UsageError
from wideload.terminal import show, table

if TYPE_CHECKING:
    from wideload.datasets.detect.finding import Chosen, Finding
    from wideload.datasets.detect.inputs import Inputs

Until = Literal["layout", "data", "report"]
_REJECTED = 0.1
"""The largest share of bad rows with which it goes on."""


@click.command(
    "start",
    epilog="Examples: `wideload start clicks.csv`, `wideload start logs/ --label bought --time seen_at -o first`",
)
@click.argument("path", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for all results.  [default: wideload-NAME]",
    show_default=False,
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is guessed. So it is where there is no terminal.")
@click.option("--label", help="Column that is to be predicted.")
@click.option("--positive", help="Value for which the label is 1.")
@click.option("--time", help="Column with the time of a row; `none`: rows are split by hash.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="COLUMN=KIND", help="number, integer, id, hex, text; `out` leaves it out."
)
@click.option(
    "-s",
    "--strategy",
    "strategies",
    multiple=True,
    help="Strategy to compare.  [default: all that run here]",
    show_default=False,
)
@click.option(
    "--until", type=click.Choice(["layout", "data", "report"]), default="report", help="Stop once this is written."
)
def command(path: str, output: Path | None, yes: bool, strategies: tuple[str, ...], until: Until, **said: Any) -> int:
    """From a file or folder to a report.

    Finds out how the rows are written, which column is the label and what the others are; says what it found and what
    it guessed, and asks about that on a terminal. Writes layout.toml and experiment.toml, with comments, prepares the
    data, compares the strategies shortly and writes a report. Files that exist are kept: change one, and start again.
    """
    folder = output or Path(f"wideload-{_name(path)}")
    if set(",[]") & set(str(folder)):
        raise UsageError(
            f"{folder}: a data set is named shards[path=DIR], so commas and brackets cannot be in its path."
        )
    inputs, reader = _layout(path, folder, _chosen(said), ask=not yes and on_a_terminal())
    if until == "layout":
        return 0
    _prepare(inputs, reader, folder)
    _experiment(folder, strategies)
    if until == "data":
        return 0
    code = _call("run", str(folder / "experiment.toml"), "-o", str(folder / "run"))
    _call("show", str(folder / "run"))
    return max(code, _call("report", str(folder / "run")))


def on_a_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _name(path: str) -> str:
    return Path(path).resolve().name.split(".")[0] or "data"


def _chosen(said: dict[str, Any]) -> Chosen:
    """What the options say.

    Raises:
        click.UsageError: a kind is not of the form COLUMN=KIND.
    """
    from wideload.datasets.detect.finding import Chosen

    kinds = {}
    for text in said["kinds"]:
        column, equals, kind = text.rpartition("=")
        if not equals:
            raise click.UsageError(f"--kind {text!r}: expected COLUMN=KIND.")
        kinds[column] = kind
    return Chosen(said["label"], said["positive"], said["time"], kinds)


def _layout(path: str, folder: Path, chosen: Chosen, ask: bool) -> tuple[Inputs, str]:
    """Writes the layout, unless there is one; the files to prepare and their format."""
    from wideload.datasets.detect.document import document
    from wideload.datasets.detect.finding import detect, with_labels
    from wideload.datasets.detect.inputs import inputs_of
    from wideload.datasets.readers.layout import load_layout

    place = folder / "layout.toml"
    if place.exists():
        click.echo(f"{place} is kept as it is: {path} is read by it.")
        return with_labels(inputs_of(path), load_layout(place))[0], "custom"
    finding = detect(path, chosen)
    while ask and finding.questions:
        question = finding.questions[0]
        answer = click.prompt(question.text, default=question.choices[0], type=click.Choice(question.choices))
        chosen = question.answered(chosen, answer)
        finding = detect(path, chosen)
    _tell(path, finding)
    folder.mkdir(parents=True, exist_ok=True)
    if not finding.built_in:
        place.write_text(document(finding), encoding="utf-8")
        click.echo(f"Wrote {place}: change it where it is wrong, and start again.")
    return finding.inputs, finding.reader


def _tell(path: str, finding: Finding) -> None:
    """Prints what was found, and what was guessed."""
    click.echo(f"{path}: {finding.form}")
    if finding.built_in:
        fields = ", ".join(field.name for field in finding.layout.field)
        click.echo(
            f"This format is built in and needs no layout. Label: {finding.layout.label.column}; fields: {fields}."
        )
    elif finding.columns:
        show(table(("column", "is", "what was seen"), list(_rows(finding))))
    guesses = [question.column for question in finding.questions]
    if guesses:
        click.echo(f"Guessed, and marked with `?`: {', '.join(dict.fromkeys(guesses))}.")
    if finding.columns and not finding.time and finding.layout.split is None:
        click.echo("No column is the time of a row: a tenth of the rows, by hash, is the test split.")
    for split, file in finding.inputs.official.items():
        click.echo(f"The {split} split is {file}.")
    for remark in finding.remarks:
        click.echo(f"Note: {remark}.")


def _rows(finding: Finding) -> Iterator[tuple[str, str, str]]:
    layout = finding.layout
    for role, column, seen in (("label", layout.label.column, finding.label), ("time", layout.time, finding.time)):
        if column is not None:
            yield str(column), f"{role}{' ?' * finding.guessed(str(column))}", seen
    if layout.split is not None:
        yield str(layout.split), "split", "names of splits"
    for one in finding.columns:
        if one.field is None:
            yield one.column or "(no name)", "left out", one.why
        else:
            listed = " lists" if one.field.lists else ""
            yield one.field.name, f"{one.field.kind}{listed}{'' if one.sure else ' ?'}", one.why


def _prepare(inputs: Inputs, reader: str, folder: Path) -> None:
    """Prepares the data.

    Raises:
        DataError: so many rows are bad that the layout must be wrong.
    """
    from wideload.datasets.prepared.reader import Prepared

    data = folder / "data"
    words = ["data", "prepare", reader, inputs.path, "--out", str(data), "--bad-rows", "skip"]
    words += ["--layout", str(folder / "layout.toml")] if reader == "custom" else []
    for split, file in inputs.official.items():
        words += [f"--{split}-file", file]
    _call(*words)
    origin = Prepared(str(data)).manifest.provenance
    if origin.rejected > _REJECTED * origin.rows_in:
        raise DataError(
            f"{origin.rejected:,} of {origin.rows_in:,} rows are bad; {data / 'rejected.jsonl'} has the first. Correct "
            f"{folder / 'layout.toml'}, delete {data}, and start again."
        )


def _experiment(folder: Path, chosen: tuple[str, ...]) -> None:
    """Writes the experiment, unless there is one.

    Raises:
        UnavailableError: no strategy can run here.
    """
    from wideload.datasets.prepared.reader import Prepared
    from wideload.harness.cli.listing import usable
    from wideload.harness.experiment.first import document

    place = folder / "experiment.toml"
    if place.exists():
        click.echo(f"{place} is kept as it is.")
        return
    strategies = chosen or usable()
    if not strategies:
        raise UnavailableError("no strategy can run here: `wideload list` says why.")
    place.write_text(document(Prepared(str(folder / "data")), strategies), encoding="utf-8")
    click.echo(f"Wrote {place}.")


def _call(*words: str) -> int:
    """Calls another command, and says so."""
    click.echo(f"$ wideload {shlex.join(words)}")
    root = click.get_current_context().find_root().command
    code = root.main([*words], prog_name="wideload", standalone_mode=False)
    return code if isinstance(code, int) else 0
