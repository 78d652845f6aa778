"""What scores rows: the weights of a checkpoint, or a SavedModel through its signature for raw values.

A scorer takes the fields of rows as a shard has them, and gives one probability a row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from wideload.arrays import Floats
from wideload.datasets.raw_rows import Origin
from wideload.datasets.shards import Shards
from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints import trained as trainings
from wideload.harness.serving.export import ABOUT, EXTRA, MODEL
from wideload.harness.serving.modules import OUTPUT, SelfContained
from wideload.harness.serving.origin import origin_of
from wideload.harness.serving.weights import weights_of

_SAVED = "saved_model.pb"


class Scorer(Protocol):
    """Scores rows. ``origin`` is how the rows were read that it was trained on."""

    origin: Origin

    def score(self, fields: pa.Table) -> Floats:
        """Probabilities ``[n]`` of rows."""


def scorer_of(place: Path) -> Scorer:
    """The scorer for a checkpoint, or for a folder that ``saved-model`` wrote.

    Raises:
        UsageError: it is neither, or cannot score raw rows.
    """
    for folder in (place, place / MODEL):
        if (folder / _SAVED).is_file():
            return SavedModel(folder)
    return Checkpoint(place)


class Checkpoint:
    """The weights of a checkpoint; rows go through the decoder and the adapter of training."""

    def __init__(self, checkpoint: Path) -> None:
        trained = trainings.read(checkpoint)
        self.origin = origin_of(trained)
        assert isinstance(trained.dataset, Shards)
        self._decoder = trained.dataset.prepared.decoder
        self._adapter = trained.adapter
        weights = weights_of(checkpoint, trained.workload.model, trained.adapter.layout)
        # A signature takes batches of any size; a plain function would be traced for each.
        self._module = SelfContained(weights, trained.workload, trained.adapter.layout, "initial")
        self._signs = self._module.signatures()["signs"]

    def score(self, fields: pa.Table) -> Floats:
        records = self._decoder.finish([self._decoder.decode(fields.combine_chunks(), "rows")])
        batch = self._adapter.transform(records, global_size=records.num_rows)
        weights = np.empty(0, np.float32) if batch.weights is None else batch.weights
        given = {"dense": batch.dense, "values": batch.values, "row_splits": batch.row_splits, "weights": weights}
        found: Floats = self._signs({name: tf.constant(values) for name, values in given.items()})[OUTPUT].numpy()
        return found


class SavedModel:
    """A SavedModel with the signature ``raw``, used as a server without wideload would."""

    def __init__(self, folder: Path) -> None:
        try:
            about = json.loads((folder / EXTRA / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{folder} was not written by `wideload checkpoint saved-model`: {error}.") from None
        if "raw" not in about["signatures"]:
            raise UsageError(f"{folder} has no signature for raw values: {about['no_raw_signature_because']}.")
        if about.get("rows") is None:
            raise UsageError(
                f"{folder} does not say how rows are read: the model was not trained on a prepared data set, or "
                "exported by an older version. Score with the checkpoint, or export it again."
            )
        self.origin = Origin(**about["rows"])
        self._model = tf.saved_model.load(str(folder))
        self._fields = about["fields"]

    def score(self, fields: pa.Table) -> Floats:
        given: dict[str, Any] = {}
        for one in self._fields:
            column = fields[one["name"]].combine_chunks()
            if one["row_splits"]:
                column = pc.coalesce(column, pa.scalar([], column.type)) if column.null_count else column
                offsets = column.offsets.to_numpy().astype(np.int64)
                given[one["row_splits"]] = offsets - offsets[0]
                column = column.flatten()
            given[one["input"]] = _plain(column, one["type"])
        raw = self._model.signatures["raw"]
        types = raw.structured_input_signature[1]
        tensors = {name: tf.constant(value, types[name].dtype) for name, value in given.items()}
        found: Floats = raw(**tensors)[OUTPUT].numpy()
        return found


def _plain(column: Any, kind: str) -> Any:
    """Values as the signature takes them: missing ones are NaN, the smallest int64 or the empty string."""
    if kind == "float32":
        return column.to_numpy(zero_copy_only=False).astype(np.float32)
    if kind == "int64":
        return pc.fill_null(column, np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    return np.array(pc.fill_null(column.cast(pa.string()), "").to_pylist(), object)
