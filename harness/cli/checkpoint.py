"""``wideload checkpoint inspect | verify | diff | compact | copy | export | saved-model | import``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wideload.harness.checkpoints.tables.parquet import Exported
    from wideload.harness.checkpoints.tables.quantise import Precision
    from wideload.harness.serving.export import LookUp

PATH = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)
PRECISION = click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "bf16", "int8"]),
    help="Write weights only, with this precision; folders only.",
)
THRESHOLD = click.option(
    "--threshold", type=float, default=0.0, help="Leave out rows whose weights are all smaller than this; folders only."
)
AUC_ON = click.option(
    "--auc-on", metavar="DATASET", help="Print how precision and threshold change the AUC on this data set."
)


@click.group("checkpoint", epilog="Example: `wideload checkpoint verify runs/a/checkpoints/CASE/step-000000000200`")
def command() -> None:
    """Inspect and verify checkpoints, and export or import their rows."""


@command.command("inspect", epilog="Example: `wideload checkpoint inspect CHECKPOINT`")
@click.argument("checkpoint", type=PATH)
def inspect(checkpoint: Path) -> None:
    """Show what a checkpoint contains."""
    from wideload.errors import CheckpointError
    from wideload.harness.checkpoints.manifest import Manifest
    from wideload.harness.checkpoints.tables.rewrite import reader_of

    manifest = Manifest.read(checkpoint)
    base = f" on {manifest.base}" if manifest.base else ""
    size = sum(entry.bytes for entry in manifest.files)
    click.echo(f"step {manifest.step}, {manifest.kind}{base}, by {manifest.strategy} on {manifest.ranks} ranks")
    click.echo(f"{len(manifest.files)} files, {size:,} bytes")
    for name, value in sorted(manifest.fingerprints.items()):
        click.echo(f"{name} {value}")
    try:
        reader = reader_of(checkpoint)
        forms = reader.forms()
    except CheckpointError as error:
        click.echo(str(error), err=True)
        return
    for form in forms:
        slices = ", ".join(f"{one.name} of {one.dimension} under {one.optimizer}" for one in form.slices)
        rows = sum(len(shard) for _, shard in reader.shards(form))
        click.echo(f"table {form.name}: {rows:,} rows of {slices}")


@command.command("verify", epilog="Example: `wideload checkpoint verify CHECKPOINT`")
@click.argument("checkpoint", type=PATH)
def verify(checkpoint: Path) -> None:
    """Check every file and block, including those that an increment builds on."""
    from wideload.harness.checkpoints.tables.rewrite import chain_of

    chain = chain_of(checkpoint.absolute())
    click.echo(f"intact: {', '.join(folder.name for folder in chain)}")


@command.command("diff", epilog="Example: `wideload checkpoint diff OLD NEW`")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
def diff(old: Path, new: Path) -> int:
    """Compare the rows of two checkpoints; the exit code is 1 when they differ."""
    from wideload.harness.checkpoints.tables.diff import diff as differences

    found = differences(old.absolute(), new.absolute())
    for one in found:
        click.echo(
            f"table {one.name}: {one.added:,} added, {one.removed:,} removed, {one.changed:,} changed, "
            f"{one.equal:,} equal; largest change of a weight {one.largest:.3g}"
        )
    return int(any(one.any for one in found))


@command.command("compact", epilog="Example: `wideload checkpoint compact INCREMENT NEW`")
@click.argument("checkpoint", type=PATH)
@click.argument("out", type=NEW)
def compact(checkpoint: Path, out: Path) -> None:
    """Combine an increment and what it builds on into one full checkpoint."""
    from wideload.harness.checkpoints.tables.rewrite import compact as compacted

    manifest = compacted(checkpoint.absolute(), out.absolute())
    click.echo(f"step {manifest.step}: {sum(entry.bytes for entry in manifest.files):,} bytes in {out}")


@command.command(
    "copy", epilog="Example: `wideload checkpoint copy CHECKPOINT s3://bucket/case`; the other direction works as well"
)
@click.argument("source")
@click.argument("target")
def copy(source: str, target: str) -> None:
    """Copy a checkpoint, and what it builds on, to or from a folder or URL."""
    from wideload.harness.checkpoints.remote import copy as copied

    for name in copied(source, target):
        click.echo(f"{name} is in {target}")


@command.command(
    "export",
    epilog="Example: `wideload checkpoint export CHECKPOINT sqlite:rows.db`, or a folder, or postgresql://...",
)
@click.argument("checkpoint", type=PATH)
@click.argument("target")
@PRECISION
@THRESHOLD
@AUC_ON
def export(checkpoint: Path, target: str, precision: Precision | None, threshold: float, auc_on: str | None) -> None:
    """Write the rows to a folder of Parquet files or into a database.

    Exports whole rows exactly; with a precision or a threshold, weights only.
    """
    from wideload.errors import UsageError
    from wideload.harness.checkpoints.tables.database import is_database
    from wideload.harness.checkpoints.tables.exchange import export_to
    from wideload.harness.checkpoints.tables.parquet import write_packed
    from wideload.harness.checkpoints.tables.rewrite import reader_of

    if precision is None and threshold == 0:
        for table, rows in export_to(checkpoint.absolute(), target).items():
            click.echo(f"table {table}: {rows:,} rows")
        return
    if is_database(target):
        raise UsageError("a database stores whole rows: leave out --precision and --threshold, or export to a folder.")
    chosen = precision or "fp32"
    print_exported(write_packed(reader_of(checkpoint.absolute()), Path(target), chosen, threshold))
    print_quality(checkpoint, chosen, threshold, auc_on)


@command.command(
    "saved-model",
    epilog="Example: `wideload checkpoint saved-model CHECKPOINT served/ --look-up inside --auc-on census`",
)
@click.argument("checkpoint", type=PATH)
@click.argument("out", type=NEW)
@click.option(
    "--look-up",
    type=click.Choice(["inside", "outside"]),
    default="inside",
    help="Where rows are: in the SavedModel, or in Parquet files next to the SavedModel of the tower.",
)
@PRECISION
@THRESHOLD
@AUC_ON
def saved_model(
    checkpoint: Path, out: Path, look_up: LookUp, precision: Precision | None, threshold: float, auc_on: str | None
) -> None:
    """Write a TensorFlow SavedModel that predicts without wideload."""
    from wideload.harness.serving.export import export_model

    served = export_model(checkpoint.absolute(), out.absolute(), look_up, precision or "fp32", threshold)
    print_exported(served.tables)
    click.echo(f"signatures: {', '.join(served.signatures)}")
    if served.not_raw:
        click.echo(f"no signature for raw values: {served.not_raw}")
    for name, one in served.inputs.items():
        if one.input != name:
            click.echo(f"field {name!r} is the input {one.input!r} of the signature raw")
    print_quality(checkpoint, precision or "fp32", threshold, auc_on)


@command.command("import", epilog="Example: `wideload checkpoint import sqlite:rows.db --like CHECKPOINT NEW`")
@click.argument("source")
@click.argument("out", type=NEW)
@click.option("--like", type=PATH, required=True, help="Checkpoint from which everything but the rows is taken.")
def import_(source: str, out: Path, like: Path) -> None:
    """Make a checkpoint from rows that were exported exactly."""
    from wideload.harness.checkpoints.tables.exchange import import_from

    manifest = import_from(source, like.absolute(), out.absolute())
    click.echo(f"step {manifest.step}: {len(manifest.files)} files in {out}")


def print_exported(tables: Iterable[Exported]) -> None:
    for one in tables:
        click.echo(
            f"table {one.table}: {one.rows:,} rows, {one.dropped:,} dropped, largest error of a weight "
            f"{one.largest_error:.3g}"
        )


def print_quality(checkpoint: Path, precision: Precision, threshold: float, dataset: str | None) -> None:
    """Compares the exported model with the exact one, if a data set is given."""
    if dataset is None:
        return
    from wideload.harness.checkpoints import trained
    from wideload.harness.serving.quality import quality
    from wideload.harness.serving.weights import weights_of

    origin = trained.read(checkpoint.absolute())
    weights = weights_of(checkpoint.absolute(), origin.workload.model, origin.adapter.layout)
    click.echo(str(quality(origin, weights, precision, threshold, dataset)))
