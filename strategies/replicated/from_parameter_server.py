"""Loads a model that the parameter server trained into a replicated model, so that strategies start from one state.

Row ``i`` of a variable corresponds to the row of sign ``table_signs(table)[i]``, with its weights and optimizer state.
A row that the parameter server has never touched has the initial value that both create. The dense parameters are the
tower's, followed by the running statistics of batch normalisation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.dense import read_dense
from wideload.harness.checkpoints.tables.rows import FILE, Rows, TableForm, TableReader
from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.features.layout import BatchLayout, TableLayout, table_signs
from wideload.harness.workload import optimizers as declared

TOWER, STATISTICS, UPDATES = "tower", "tower/statistics", "tower:updates"
STATE = {kind: tuple(state.name for state in states) for kind, states in declared.STATE.items()}
"""The names of the state of each kind of optimizer, in the order in which a row stores it."""


def holds_rows(directory: Path) -> bool:
    """Whether a model was saved by the parameter server."""
    return (directory / FILE).is_file()


def load_rows(arrays: Arrays, layout: BatchLayout, directory: Path, part: slice = slice(None)) -> int:
    """Overwrites ``arrays``, the variables of an untrained replicated model, in place; returns the steps trained.

    Args:
        part: which rows of every table the arrays have.

    Raises:
        CheckpointError: the models do not fit.
    """
    reader = TableReader((directory,))
    forms = {form.name: form for form in reader.forms()}
    for table in layout.tables:
        if table.name not in forms:
            raise CheckpointError(f"{directory} has no table {table.name!r}; it has {', '.join(forms) or 'none'}.")
        if table.admit_at > 0:
            raise CheckpointError(
                f"table {table.name!r} admits rows only after several shows (admit_at), which replicated models cannot."
            )
        _load_table(arrays, table, forms[table.name], reader, part)
    _load_dense(arrays, directory)
    return reader.step


def _load_table(arrays: Arrays, table: TableLayout, form: TableForm, reader: TableReader, part: slice) -> None:
    wanted = table_signs(table, part).view(np.uint64)
    order = np.argsort(wanted)
    for _, rows in reader.shards(form):
        _load_shard(arrays, table, form, rows, *_matched(wanted, order, rows.signs))


def _matched(
    wanted: npt.NDArray[np.uint64], order: npt.NDArray[np.int64], stored: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the positions in ``wanted``, and those in ``stored``, of the signs that are in both."""
    if not len(wanted):
        return order, order
    place = order[np.minimum(np.searchsorted(wanted, stored, sorter=order), len(wanted) - 1)]
    found = np.flatnonzero(wanted[place] == stored)
    return place[found], found


def _load_shard(
    arrays: Arrays,
    table: TableLayout,
    form: TableForm,
    rows: Rows,
    ids: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
) -> None:
    at, state_at = 0, form.width
    for part in form.slices:
        name = f"{table.name}/{part.name}"
        state = [key for slot in STATE.get(part.optimizer, ()) if (key := f"{name}:{slot}") in arrays]
        _check(name in arrays and sum(arrays[key].shape[1] for key in state) == part.state, name)
        arrays[name][ids] = rows.floats[found, at : at + part.dimension]
        at += part.dimension
        for key in state:
            width = arrays[key].shape[1]
            arrays[key][ids] = rows.floats[found, state_at : state_at + width]
            state_at += width


def _load_dense(arrays: Arrays, directory: Path) -> None:
    dense = read_dense(directory)
    weights = dense.weights
    size = arrays[TOWER].size
    statistics = arrays[STATISTICS].size if STATISTICS in arrays else 0
    _check(weights.size == size + statistics, TOWER)
    arrays[TOWER][...] = weights[:size]
    if statistics:
        arrays[STATISTICS][...] = weights[size:]
    for key, plane in zip(state_vectors(arrays), dense.planes, strict=False):
        arrays[key][...] = plane[:size]
    if UPDATES in arrays:
        arrays[UPDATES][...] = dense.updates


def state_vectors(arrays: Arrays) -> list[str]:
    """Returns the names of the arrays that hold the tower's optimizer state, in order."""
    names = (f"{TOWER}:{slot}" for slots in STATE.values() for slot in slots)
    return [key for key in dict.fromkeys(names) if key in arrays and arrays[key].shape]


def _check(fits: bool, name: str) -> None:
    if not fits:
        raise CheckpointError(f"the model does not fit: {name} has another size or another optimizer in it.")
