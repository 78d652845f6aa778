"""``wideload data``: prepare, describe, verify, list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from wideload import datasets
from wideload.datasets.progress import shown
from wideload.datasets.readers import READERS, find

CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}


_SPLIT = ("by", "key", "validation", "test", "validation_from", "test_from")
_REQUEST = ("rows_per_shard", "fitted_on", "validation_file", "test_file")


@click.group(context_settings=CONTEXT)
def data() -> None:
    """Prepare, describe, verify and list data sets."""


@data.command(
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  wideload data prepare criteo day_0.gz --out data/criteo --bad-rows skip\n"
    "  wideload data prepare movielens ml-1m --out data/ml\n"
    "  wideload data prepare custom logs --layout logs.toml --out data/logs --split hash --key user\n"
    "  wideload data prepare custom logs --layout logs.toml --out data/logs --test-from 2026-11-08\n"
    "  wideload data prepare custom train.svm --layout svm.toml --out data/svm --test-file test.svm\n"
    "  wideload data prepare custom new.csv --like data/logs --out data/new",
)
@click.argument("reader", metavar="FORMAT")
@click.argument("path")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--layout", type=click.Path(exists=True, dir_okay=False), help="TOML layout (format custom).")
@click.option("--option", "-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of the format.")
@click.option(
    "--split",
    "by",
    default="auto",
    type=click.Choice(["auto", "given", "time", "hash", "none"]),
    help="How rows are assigned to splits.",
)
@click.option("--key", multiple=True, help="Field whose hash decides the split (--split hash); repeatable.")
@click.option("--validation", default=0.0, help="Share of rows for validation.")
@click.option("--test", default=0.1, help="Share of rows for testing.")
@click.option("--validation-from", metavar="DATE", help="Rows of this time and later, before the test rows, validate.")
@click.option("--test-from", metavar="DATE", help="Rows of this time and later are the test split.")
@click.option("--validation-file", metavar="PATH", help="File or folder of the validation examples.")
@click.option("--test-file", metavar="PATH", help="File or folder of the test examples; PATH holds the others.")
@click.option(
    "--bad-rows",
    default="error",
    type=click.Choice(["error", "skip"]),
    help="Stop at the first bad row, or skip and count bad rows.",
)
@click.option("--bad-rows-limit", type=int, help="Stop when more than this many rows were skipped.")
@click.option(
    "--like",
    "--fitted-on",
    "fitted_on",
    type=click.Path(exists=True, file_okay=False),
    help="Take layout, vocabularies and means of this prepared folder; rows become test data.",
)
@click.option("--rows-per-shard", type=click.IntRange(min=1), help="Number of rows that are read for one shard.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def prepare(reader: str, path: str, out: Path, **chosen: Any) -> None:
    """Convert a data set to shards; run it again to resume an interrupted conversion.

    `wideload data list` shows the formats.
    """
    from wideload.datasets.prepare.prepare import Progress
    from wideload.datasets.prepare.prepare import prepare as run

    with shown(chosen["quiet"]) as bar:

        def report(progress: Progress) -> None:
            bar(progress.stage, progress.rows, progress.done, progress.total)

        manifest = run(_request(reader, chosen), path, out, report)
    origin = manifest.provenance
    rows = ", ".join(f"{split} {manifest.rows(split):,}" for split in manifest.splits) or "no rows"
    click.echo(f"{out}: {rows}; {_counts(origin)}")
    for reason, count in origin.reasons.items():
        click.echo(f"  {count:,} x {reason}")
    for note in origin.notes:
        click.echo(f"Note: {note}.", err=True)


def _counts(origin: Any) -> str:
    """How many rows came in, and what became of them."""
    dropped = f", {origin.dropped:,} left out by drop_when" if origin.dropped else ""
    return f"{origin.rows_in:,} rows in, {origin.rows_out:,} out, {origin.rejected:,} rejected{dropped}"


def _request(reader: str, chosen: dict[str, Any]) -> Any:
    """Builds the request from the command line.

    Raises:
        click.UsageError: an option is not of the form KEY=VALUE.
    """
    from wideload.datasets.prepare.prepare import Request

    options: dict[str, Any] = {"layout": chosen["layout"]} if chosen["layout"] else {}
    for text in chosen["options"]:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--option {text!r}: expected KEY=VALUE.")
        options[key] = value
    values: dict[str, Any] = {
        "reader": reader,
        "options": options,
        "split": {name: chosen[name] for name in _SPLIT},
        "bad_rows": {"policy": chosen["bad_rows"], "limit": chosen["bad_rows_limit"]},
    }
    values |= {name: chosen[name] for name in _REQUEST if chosen[name]}
    from wideload.options import validate

    return validate(Request, values, "data prepare")


@data.command(context_settings=CONTEXT, epilog="\b\nExample:\n  wideload data describe data/criteo")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the description to this file as a section for a report.",
)
def describe(folder: str, as_json: bool, html: Path | None) -> None:
    """Show rows, label rates, cardinalities, top values, missing values and drift."""
    from wideload.datasets.describe.describe import describe as run
    from wideload.datasets.describe.html import section

    description = run(folder)
    if html is not None:
        html.write_text(section(description), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(description.as_dict(), indent=1))
    else:
        _print(description)


def _print(description: Any) -> None:
    """Prints the description as two tables on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from wideload.datasets.describe.html import COLUMNS, cells

    console = Console()
    splits = Table("split", "rows", "label rate", "shards", "bytes")
    for split in description.splits:
        rate = "" if split.label_rate is None else f"{split.label_rate:.4f}"
        splits.add_row(split.name, f"{split.rows:,}", rate, str(split.shards), f"{split.bytes:,}")
    fields = Table(*COLUMNS)
    for one in description.fields:
        fields.add_row(*(Text(cell) for cell in cells(one)))
    console.print(splits, fields)
    console.print(_counts(description))


@data.command(context_settings=CONTEXT, epilog="\b\nExample:\n  wideload data verify data/criteo")
@click.argument("folder")
def verify(folder: str) -> None:
    """Compare every byte of a prepared data set with its checksums."""
    from wideload.datasets.prepared.reader import Prepared

    prepared = Prepared(folder)
    rows = prepared.verify()
    click.echo(f"{folder}: {rows:,} rows in {sum(map(len, prepared.manifest.splits.values()))} shards, undamaged")


@data.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def list_(as_json: bool) -> None:
    """List the data sets, and the formats that can be prepared."""
    sets = {name: datasets.find(name).summary for name in datasets.names()}
    formats = {name: find(name).summary for name in READERS}
    if as_json:
        click.echo(json.dumps({"data_sets": sets, "formats": formats}, indent=1))
        return
    for title, entries in (("Data sets", sets), ("Formats for `wideload data prepare`", formats)):
        click.echo(f"{title}:")
        for name, summary in entries.items():
            click.echo(f"  {name:<10} {summary}")
