"""Carries a trained model over to changed columns."""

from __future__ import annotations

import numpy as np

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.variables import Arrays, Saved
from wideload.harness.features.remapping import NOTHING, Changes, SlotChange


def migrate(saved: Saved, fresh: Arrays, changes: Changes, width: int, part: slice = slice(None)) -> Arrays:
    """Returns the arrays from which the new model starts: trained values if they carry over, else ``fresh`` ones.

    Args:
        saved: the old model.
        fresh: the arrays of the new, untrained model.
        changes: see :mod:`wideload.harness.features.remapping`.
        width: the number of outputs of the tower's first layer.
        part: which rows of every table ``fresh`` has.

    Raises:
        CheckpointError: the saved model does not have the old columns that ``changes`` describes.
    """
    arrays = {name: np.array(array) for name, array in fresh.items()}
    for change in changes.slots:
        if change.old is not None:
            _slot(saved.arrays, arrays, change, part)
    _tower(saved.arrays, arrays, changes, width)
    return arrays


def _slot(old: Arrays, new: Arrays, change: SlotChange, part: slice) -> None:
    assert change.old is not None
    first, step = part.start or 0, part.step or 1
    kept = np.flatnonzero(change.rows != NOTHING)
    kept = kept[(change.new.slot.first_row + kept) % step == first]
    target = (change.new.slot.first_row + kept) // step
    source = change.old.slot.first_row + change.rows[kept]
    prefix = f"{change.new.table.name}/"
    for name in (name for name in new if name.startswith(prefix)):
        was = f"{change.old.table.name}/{name.removeprefix(prefix)}"
        if was not in old:
            continue
        if len(old[was]) < (change.old.table.rows or 0):
            raise CheckpointError(f"{was} has {len(old[was])} rows in the checkpoint, but the old columns have more.")
        both = min(new[name].shape[1], old[was].shape[1])
        new[name][target, :both] = old[was][source, :both]


def _tower(old: Arrays, new: Arrays, changes: Changes, width: int) -> None:
    """Copies the first kernel input by input, and the rest as a whole; does nothing if the layers have changed."""
    cut, was_cut = len(changes.inputs) * width, changes.old_inputs * width
    if new["tower"].size - cut != old["tower"].size - was_cut:
        return
    kept = np.flatnonzero(changes.inputs != NOTHING)
    for name in (name for name in new if name.startswith("tower") and name in old):
        if old[name].shape != old["tower"].shape:
            new[name][...] = old[name]
            continue
        kernel, was = new[name][:cut].reshape(-1, width), old[name][:was_cut].reshape(-1, width)
        kernel[kept] = was[changes.inputs[kept]]
        new[name][cut:] = old[name][was_cut:]
