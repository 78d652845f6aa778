"""``wideload checkpoint inspect | verify | diff | compact | export | import``."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)


@click.group("checkpoint", epilog="Example: `wideload checkpoint verify runs/a/checkpoints/CASE/step-000000000200`")
def command() -> None:
    """Look into checkpoints, check them, and move their rows elsewhere."""


@command.command("inspect", epilog="Example: `wideload checkpoint inspect CHECKPOINT`")
@click.argument("checkpoint", type=PATH)
def inspect(checkpoint: Path) -> None:
    """Show what a checkpoint holds."""
    from wideload.errors import CheckpointError
    from wideload.harness.checkpoints.manifest import Manifest
    from wideload.harness.checkpoints.rewrite import reader_of

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
    """Check every file and block, also of what an increment builds on."""
    from wideload.harness.checkpoints.rewrite import chain_of

    chain = chain_of(checkpoint.absolute())
    click.echo(f"sound: {', '.join(folder.name for folder in chain)}")


@command.command("diff", epilog="Example: `wideload checkpoint diff OLD NEW`")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
def diff(old: Path, new: Path) -> int:
    """Compare the rows of two checkpoints; exit code 1 when they differ."""
    from wideload.harness.checkpoints.diff import diff as differences

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
    """Make one full checkpoint of an increment and what it builds on."""
    from wideload.harness.checkpoints.rewrite import compact as compacted

    manifest = compacted(checkpoint.absolute(), out.absolute())
    click.echo(f"step {manifest.step}: {sum(entry.bytes for entry in manifest.files):,} bytes in {out}")


@command.command(
    "export",
    epilog="Example: `wideload checkpoint export CHECKPOINT sqlite:rows.db`, or a folder, or postgresql://...",
)
@click.argument("checkpoint", type=PATH)
@click.argument("target")
@click.option(
    "--precision", type=click.Choice(["fp32", "fp16", "bf16", "int8"]), help="Weights alone, in so many bits; folders."
)
@click.option("--threshold", type=float, default=0.0, help="Leave out rows whose weights are all smaller; folders.")
def export(checkpoint: Path, target: str, precision: str | None, threshold: float) -> None:
    """Write the rows to a folder of Parquet files or into a database.

    Whole rows, exactly, unless a precision or a threshold asks for weights alone.
    """
    from wideload.errors import UsageError
    from wideload.harness.checkpoints.database import is_database
    from wideload.harness.checkpoints.exchange import export_to
    from wideload.harness.checkpoints.parquet import write_packed
    from wideload.harness.checkpoints.rewrite import reader_of

    if precision is None and threshold == 0:
        for table, rows in export_to(checkpoint.absolute(), target).items():
            click.echo(f"table {table}: {rows:,} rows")
        return
    if is_database(target):
        raise UsageError("databases take whole rows; leave --precision and --threshold out, or name a folder.")
    chosen = precision or "fp32"
    for one in write_packed(reader_of(checkpoint.absolute()), Path(target), chosen, threshold):  # type: ignore[arg-type]
        click.echo(
            f"table {one.table}: {one.rows:,} rows, {one.dropped:,} dropped, largest error of a weight "
            f"{one.largest_error:.3g}"
        )


@command.command("import", epilog="Example: `wideload checkpoint import sqlite:rows.db --like CHECKPOINT NEW`")
@click.argument("source")
@click.argument("out", type=NEW)
@click.option("--like", type=PATH, required=True, help="Checkpoint whose other parts the new one gets.")
def import_(source: str, out: Path, like: Path) -> None:
    """Make a checkpoint from the rows of an exact export."""
    from wideload.harness.checkpoints.exchange import import_from

    manifest = import_from(source, like.absolute(), out.absolute())
    click.echo(f"step {manifest.step}: {len(manifest.files)} files in {out}")
