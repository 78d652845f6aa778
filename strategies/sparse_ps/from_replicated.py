"""Loads a model that a replicated strategy trained into the parameter server, so that both start from one state.

:mod:`wideload.strategies.replicated.from_parameter_server` is the reverse and describes which rows correspond. A row
that was never touched has the value that the table creates by itself, so it is left out: the table holds only trained
rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wideload import _native
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.dense import Dense
from wideload.harness.checkpoints.tables.rows import shards_of
from wideload.harness.checkpoints.variables import FILE, Arrays, read_weights
from wideload.harness.features.layout import BatchLayout, TableLayout, table_signs
from wideload.harness.workload.workload import Workload
from wideload.strategies.replicated.from_parameter_server import STATE, STATISTICS, TOWER, UPDATES, state_vectors
from wideload.strategies.sparse_ps.restoring import put_dense
from wideload.strategies.sparse_ps.saving import on_owner, own_shards
from wideload.strategies.sparse_ps.server import PsCluster
from wideload.strategies.sparse_ps.tables import make_table

_CHUNK = 1 << 16


def holds_weights(directory: Path) -> bool:
    """Whether a model was saved by a replicated strategy."""
    return (directory / FILE).is_file()


def load_variables(directory: Path, server: PsCluster, workload: Workload, layout: BatchLayout) -> int:
    """Loads the model; returns the next step. Collective.

    Raises:
        CheckpointError: the file is damaged, or its model does not fit.
    """
    saved = read_weights(directory)
    arrays = saved.arrays

    def fill() -> None:
        for table, native in zip(layout.tables, server.tables, strict=True):
            native.clear()
            _load_table(arrays, table, native, workload, own_shards(server))

    on_owner(server, fill)
    put_dense(_dense(arrays, server, saved.steps), saved.steps, server)
    return saved.steps


def _load_table(
    arrays: Arrays, layout: TableLayout, table: _native.SparseTable, workload: Workload, own: range
) -> None:
    if layout.rows is None or layout.admit_at > 0:
        raise CheckpointError(
            f"table {layout.name!r} is unbounded or admits rows (admit_at), which a replicated model cannot do."
        )
    signs = table_signs(layout)
    trained = _floats(arrays, layout, table)
    shards = shards_of(signs.view(np.uint64), table.salt)
    mine = np.flatnonzero((shards >= own.start) & (shards < own.stop))
    for begin in range(0, len(mine), _CHUNK):
        chosen = mine[begin : begin + _CHUNK]
        _put_changed(table, make_table(layout, workload), signs[chosen], trained[chosen])


def _put_changed(
    table: _native.SparseTable,
    fresh: _native.SparseTable,
    signs: npt.NDArray[np.int64],
    trained: npt.NDArray[np.float32],
) -> None:
    """Stores the rows that differ from what the table would create; ``fresh`` creates them for comparison."""
    fresh.pull(signs)
    order = np.argsort(signs.view(np.uint64))
    for shard in range(_native.SHARDS):
        keys, headers, floats = _native.shard_rows(fresh, shard)
        rows = trained[order[np.searchsorted(signs.view(np.uint64), keys, sorter=order)]]
        changed = (rows != floats).any(axis=1)
        _native.put_rows(table, keys[changed], headers[changed], np.ascontiguousarray(rows[changed]))


def _floats(arrays: Arrays, layout: TableLayout, table: _native.SparseTable) -> npt.NDArray[np.float32]:
    """Returns whole rows ``[rows, row_floats]``: the weights of all slices, followed by their state."""
    names = [f"{layout.name}/{one.name}" for one in table.slices]
    states = [
        f"{name}:{slot}"
        for name, one in zip(names, table.slices, strict=True)
        for slot in STATE.get(one.optimizer.kind, ())
    ]
    kept = [name for name in states if not name.endswith(":momentum") or name in arrays]
    missing = [name for name in [*names, *kept] if name not in arrays]
    if missing:
        raise CheckpointError(f"the model does not fit: it has no {missing[0]!r}; columns or optimizers have changed.")
    rows = np.concatenate([arrays[name] for name in [*names, *kept]], axis=1)
    if rows.shape != (layout.rows, table.row_floats):
        here = (layout.rows, table.row_floats)
        raise CheckpointError(f"the model does not fit: table {layout.name!r} is {rows.shape} in it, {here} here.")
    return rows


def _dense(arrays: Arrays, server: PsCluster, steps: int) -> Dense:
    """Returns the whole dense vector. State that the model lacks is not used by the optimizers either."""
    parts = [arrays[name] for name in (TOWER, STATISTICS) if name in arrays]
    weights = np.concatenate(parts)
    size = sum(server.cluster.allgather(server.native.dense_state()[0].size))
    if weights.size != size:
        raise CheckpointError(f"the model does not fit: the tower has {weights.size} parameters in it, {size} here.")
    planes = np.zeros((2, weights.size), np.float32)
    for plane, name in zip(planes, state_vectors(arrays), strict=False):
        plane[: parts[0].size] = arrays[name]
    updates = int(arrays[UPDATES]) if UPDATES in arrays else steps
    return Dense(weights, planes, updates)
