"""Writes the folder that a model is served from: complete or absent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import tensorflow as tf

from wideload import files
from wideload.datasets.contract import Dataset, Plan
from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints import trained as origin
from wideload.harness.checkpoints.tables.parquet import Exported, Weighed, file_of, write_weights
from wideload.harness.checkpoints.tables.quantise import Precision, pack
from wideload.harness.checkpoints.trained import Trained
from wideload.harness.features.feed import held_out_split
from wideload.harness.model.initial_rows import DEEP, WIDE
from wideload.harness.serving.lookup import Absent
from wideload.harness.serving.modules import SelfContained, Tower
from wideload.harness.serving.origin import rows_of
from wideload.harness.serving.quality import absent_of
from wideload.harness.serving.raw import SPLITS, NotPlain, RawReader
from wideload.harness.serving.weights import TableWeights, Weights, weights_of

LookUp = Literal["inside", "outside"]
ABOUT, MODEL, DICTIONARY = "serving.json", "model", "dictionary"
EXTRA = "assets.extra"
"""A folder of a SavedModel whose files TensorFlow does not load: there, a copy of :data:`ABOUT` explains the model."""


@dataclass(frozen=True, slots=True)
class RawInput:
    """How the signature ``raw`` takes a field.

    Attributes:
        input: its name; type: ``float32``, ``int64`` or ``string``.
        row_splits: the input of the offsets of a field with several values, else None.
    """

    input: str
    type: str
    row_splits: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What was written.

    Attributes:
        tables: rows by table.
        signatures: their names.
        not_raw: why there is no signature for raw values; empty when there is one.
        inputs: of the signature for raw values, by field.
    """

    tables: list[Exported]
    signatures: list[str]
    not_raw: str = ""
    inputs: Mapping[str, RawInput] = field(default_factory=dict)


def export_model(
    checkpoint: Path, out: Path, lookup: LookUp = "inside", precision: Precision = "fp32", threshold: float = 0.0
) -> Served:
    """Exports a checkpoint of any strategy as a SavedModel; see :mod:`wideload.harness.serving`.

    Args:
        checkpoint: full, or an increment.
        out: a folder that does not exist yet.
        lookup: ``inside``: rows are in the SavedModel; ``outside``: in a dictionary next to it.
        precision: of the rows.
        threshold: rows whose weights are all smaller in absolute value are left out.

    Raises:
        UsageError: ``out`` exists.
        CheckpointError: the checkpoint is damaged, does not say what it was trained on, or ``out`` cannot be written.
    """
    if out.exists():
        raise UsageError(f"{out} exists already. Name a folder that does not.")
    trained = origin.read(checkpoint)
    weights = weights_of(checkpoint, trained.workload.model, trained.adapter.layout)
    try:
        with files.new_folder(out) as partial:
            return _write(partial, trained, weights, lookup, precision, threshold)
    except OSError as error:
        raise CheckpointError(f"{out} cannot be written: {error}.") from None


def _write(
    folder: Path, trained: Trained, weights: Weights, lookup: LookUp, precision: Precision, threshold: float
) -> Served:
    absent, layout = absent_of(threshold), trained.adapter.layout
    raw, not_raw = None, "rows are looked up outside"
    module: Tower
    if lookup == "outside":
        (folder / DICTIONARY).mkdir()
        tables = [_dictionary(folder / DICTIONARY, table, precision, threshold) for table in weights.tables]
        module = Tower(weights, trained.workload, layout, absent)
    else:
        raw, not_raw = _raw(trained)
        kept = weights.above(threshold)
        pairs = zip(weights.tables, kept.tables, strict=True)
        tables = [_held(folder / MODEL, before, after, precision) for before, after in pairs]
        module = SelfContained(kept, trained.workload, layout, absent, precision, raw)
    signatures = module.signatures()
    tf.saved_model.save(module, str(folder / MODEL), signatures=signatures)
    served = Served(tables, sorted(signatures), not_raw, _inputs_of(raw))
    about = json.dumps(_about(trained, weights.step, served, lookup, precision, absent), indent=1, ensure_ascii=False)
    (folder / MODEL / EXTRA).mkdir()
    for place in (folder / ABOUT, folder / MODEL / EXTRA / ABOUT):
        place.write_text(about + "\n", encoding="utf-8")
    return served


def _inputs_of(raw: RawReader | None) -> dict[str, RawInput]:
    if raw is None:
        return {}
    inputs = raw.inputs
    return {
        name: RawInput(inputs[name], kind.name, inputs[raw.splits[name]] if name in raw.splits else None)
        for name, kind in raw.fields.items()
        if not name.endswith(SPLITS)
    }


def _raw(trained: Trained) -> tuple[RawReader | None, str]:
    try:
        fields = trained.dataset.schema().fields
        known = {field.name: field.vocabulary for field in fields if field.vocabulary is not None}
        return RawReader(trained.adapter, _schema(trained.dataset), known), ""
    except NotPlain as reason:
        return None, str(reason)


def _schema(dataset: Dataset) -> pa.Schema:
    """The schema of the data set's record batches."""
    split = held_out_split(dataset) or "train"
    batches: Iterable[pa.RecordBatch] = dataset.stream(split, Plan(1))
    return next(iter(batches)).schema


def _dictionary(folder: Path, table: TableWeights, precision: Precision, threshold: float) -> Exported:
    layout = table.layout
    slices = {name: width for name, width in ((WIDE, layout.wide), (DEEP, layout.dim)) if width}
    about = Weighed(layout.name, slices)
    return write_weights(file_of(folder, layout.name), about, [(table.signs, table.rows)], precision, threshold)


def _held(path: Path, before: TableWeights, after: TableWeights, precision: Precision) -> Exported:
    dropped = len(before.signs) - len(after.signs)
    return Exported(before.layout.name, path, len(after.signs), dropped, pack(after.rows, precision).largest_error)


def _about(
    trained: Trained, step: int, served: Served, lookup: LookUp, precision: Precision, absent: Absent
) -> dict[str, Any]:
    """``serving.json``: what a reader needs in addition to the SavedModel itself."""
    adapter, rows = trained.adapter, rows_of(trained)
    return {
        "format": "wideload-serving-1",
        "step": step,
        "lookup": lookup,
        "precision": precision,
        "absent": absent,
        "signatures": served.signatures,
        "no_raw_signature_because": served.not_raw or None,
        "rows": None if rows is None else asdict(rows),
        "fields": [{"name": name, **asdict(one)} for name, one in served.inputs.items()],
        "dense": [one.column.name for one in adapter.numbers],
        "tables": [
            {
                "name": table.name,
                "file": f"{DICTIONARY}/{one.path.name}" if lookup == "outside" else None,
                "rows": one.rows,
                "wide": table.wide,
                "dim": table.dim,
                "slots": [
                    {"name": slot.name, "combiner": slot.combiner, "rows": slot.rows, "salt": f"{slot.salt:016x}"}
                    for slot in table.slots
                ],
            }
            for table, one in zip(adapter.layout.tables, served.tables, strict=True)
        ],
    }
