"""The weights of a checkpoint that predictions need: rows by sign, and the tower's parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wideload.arrays import Floats, Integers
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import MODEL
from wideload.harness.checkpoints.tables.dense import read_dense
from wideload.harness.checkpoints.tables.quantise import above
from wideload.harness.checkpoints.tables.rewrite import chain_of
from wideload.harness.checkpoints.tables.rows import FILE, TableReader
from wideload.harness.checkpoints.variables import read_weights
from wideload.harness.features.layout import BatchLayout, TableLayout, table_signs
from wideload.harness.model.tower import DenseTower
from wideload.harness.workload.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class TableWeights:
    """The rows of one table.

    Attributes:
        signs: int64 ``[n]``, ascending, distinct.
        rows: float32 ``[n, width]``, ``[wide | deep]``.
    """

    layout: TableLayout
    signs: Integers
    rows: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """All weights of a model.

    Attributes:
        flat: float32 ``[P]``, the tower's parameters; statistics: float32 ``[Q]``.
        step: global batches trained.
    """

    tables: tuple[TableWeights, ...]
    flat: Floats
    statistics: Floats
    step: int

    def above(self, threshold: float) -> Weights:
        """The model without the rows whose weights are all smaller than the threshold in absolute value."""
        tables = []
        for table in self.tables:
            kept = above(table.rows, threshold)
            tables.append(TableWeights(table.layout, table.signs[kept], table.rows[kept]))
        return replace(self, tables=tuple(tables))


def weights_of(checkpoint: Path, model: Model, layout: BatchLayout) -> Weights:
    """The weights of a verified checkpoint of any strategy.

    Args:
        checkpoint: full, or an increment with what it builds on in the same folder.
        model: of the workload that the checkpoint was trained on.
        layout: of that workload's batches.

    Raises:
        CheckpointError: it is damaged, or belongs to another workload.
    """
    folders = tuple(folder / MODEL for folder in chain_of(checkpoint))
    tower = DenseTower(model, layout)
    if (folders[-1] / FILE).is_file():
        found = _of_rows(TableReader(folders), layout, tower)
    else:
        found = _of_variables(folders[-1], layout)
    if (found.flat.size, found.statistics.size) != (tower.size, tower.statistics_size):
        raise CheckpointError(f"the tower of {checkpoint} has {found.flat.size} parameters, the workload {tower.size}.")
    return found


def _of_rows(reader: TableReader, layout: BatchLayout, tower: DenseTower) -> Weights:
    forms = {form.name: form for form in reader.forms()}
    tables = []
    for table in layout.tables:
        form = forms.get(table.name)
        if form is None or form.width != table.width:
            raise CheckpointError(f"the checkpoint has no table {table.name!r} of {table.width} floats a row.")
        parts = [(rows.signs.view(np.int64), rows.floats[:, : form.width]) for _, rows in reader.shards(form)]
        signs = np.concatenate([np.empty(0, np.int64), *(one for one, _ in parts)])
        rows = np.concatenate([np.empty((0, form.width), np.float32), *(one for _, one in parts)])
        tables.append(_ascending(table, signs, rows))
    dense = read_dense(reader.folders[-1])
    return Weights(tuple(tables), dense.weights[: tower.size], dense.weights[tower.size :], reader.step)


def _of_variables(folder: Path, layout: BatchLayout) -> Weights:
    saved = read_weights(folder)
    tables = []
    for table in layout.tables:
        names = [f"{table.name}/{part}" for part, width in (("wide", table.wide), ("deep", table.dim)) if width]
        missing = [name for name in names if name not in saved.arrays]
        if missing:
            raise CheckpointError(f"the checkpoint has no {missing[0]!r}: it is of other columns.")
        rows = np.concatenate([saved.arrays[name] for name in names], axis=1)
        tables.append(_ascending(table, table_signs(table), rows))
    statistics = saved.arrays.get("tower/statistics", np.empty(0, np.float32))
    return Weights(tuple(tables), saved.arrays["tower"], statistics, saved.steps)


def _ascending(layout: TableLayout, signs: Integers, rows: Floats) -> TableWeights:
    order = np.argsort(signs)
    return TableWeights(layout, signs[order], np.ascontiguousarray(rows[order]))
