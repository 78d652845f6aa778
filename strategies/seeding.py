"""A replicated model from one that the parameter server trained: so that strategies start from the same trained state.

Row ``i`` of a variable and the row of sign ``table_signs(table)[i]`` are one and the same, weights and optimizer state;
a row that the parameter server has never touched is what both would create. The dense parameters are the tower's, then
the running statistics of batch normalisation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from wideload.errors import CheckpointError
from wideload.harness.batch import BatchLayout, TableLayout
from wideload.harness.checkpoints.rows import FILE, Rows, TableForm, TableReader, joined
from wideload.harness.rows import table_signs
from wideload.strategies.saved import Arrays

_TOWER, _STATISTICS = "tower", "tower/statistics"


def holds_rows(directory: Path) -> bool:
    """Whether a model was saved by the parameter server."""
    return (directory / FILE).is_file()


def seed(arrays: Arrays, layout: BatchLayout, directory: Path) -> int:
    """Overwrites ``arrays``, the variables of an untrained replicated model, in place; returns the steps trained.

    Raises:
        CheckpointError: the models do not fit.
    """
    reader = TableReader((directory,))
    forms = {form.name: form for form in reader.forms()}
    for table in layout.tables:
        if table.name not in forms:
            raise CheckpointError(f"{directory} has no table {table.name!r}; it has {', '.join(forms) or 'none'}.")
        if table.admit_at > 0:
            raise CheckpointError(f"table {table.name!r} admits rows by their shows, which a replicated model cannot.")
        _seed_table(arrays, table, forms[table.name], [rows for _, rows in reader.shards(forms[table.name])])
    _seed_dense(arrays, directory)
    return reader.step


def _seed_table(arrays: Arrays, table: TableLayout, form: TableForm, shards: list[Rows]) -> None:
    if not shards:
        return
    rows = joined(shards)
    ids, found = _ids(table_signs(table).view(np.uint64), rows.signs)
    at, state_at = 0, form.width
    for part in form.slices:
        name = f"{table.name}/{part.name}"
        state = [key for key in arrays if key.startswith(f"{name}:")]
        _check(name in arrays and sum(arrays[key].shape[1] for key in state) == part.state, name)
        arrays[name][ids] = rows.floats[found, at : at + part.dimension]
        at += part.dimension
        for key in state:
            width = arrays[key].shape[1]
            arrays[key][ids] = rows.floats[found, state_at : state_at + width]
            state_at += width


def _ids(
    wanted: npt.NDArray[np.uint64], stored: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row ids that are stored, and where."""
    order = np.argsort(stored)
    place = np.minimum(np.searchsorted(stored, wanted, sorter=order), len(stored) - 1)
    ids = np.flatnonzero(stored[order[place]] == wanted)
    return ids, order[place[ids]]


def _seed_dense(arrays: Arrays, directory: Path) -> None:
    try:
        parts = [load(path.read_bytes()) for path in sorted(directory.glob("dense-*.safetensors"))]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"the dense part of {directory} cannot be read: {error}.") from None
    weights = np.concatenate([part["weights"] for part in parts])
    planes = [np.concatenate([np.split(part["state"], 2)[plane] for part in parts]) for plane in (0, 1)]
    size = arrays[_TOWER].size
    statistics = arrays[_STATISTICS].size if _STATISTICS in arrays else 0
    _check(weights.size == size + statistics, _TOWER)
    arrays[_TOWER][...] = weights[:size]
    if statistics:
        arrays[_STATISTICS][...] = weights[size:]
    vectors = [key for key in arrays if key.startswith(f"{_TOWER}:") and arrays[key].shape]
    for key, plane in zip(vectors, planes, strict=False):
        arrays[key][...] = plane[:size]
    if f"{_TOWER}:updates" in arrays:
        arrays[f"{_TOWER}:updates"][...] = parts[0]["updates"][0]


def _check(fits: bool, name: str) -> None:
    if not fits:
        raise CheckpointError(f"the model does not fit: {name} has another size or another optimizer in it.")
