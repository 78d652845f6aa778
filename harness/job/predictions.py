"""The predictions of a job's ranks, kept in files of its state folder, and metrics over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wideload.harness.analysis.metrics import Metrics, measure
from wideload.harness.job import messages


def save_predictions(
    folder: Path,
    step: int,
    rank: int,
    labels: npt.NDArray[np.float32],
    predictions: npt.NDArray[np.float32],
) -> None:
    """Saves one rank's predictions for :func:`of_step`."""
    pair = np.stack([labels, predictions])
    np.save(messages.predictions_path(folder, step, rank), pair, allow_pickle=False)


def save_novelty(folder: Path, rank: int, flags: list[npt.NDArray[np.bool_]]) -> None:
    """Saves which of one rank's held-out examples are new, in the order of its predictions, for :func:`of_novelty`."""
    np.save(messages.novelty_path(folder, rank), np.concatenate([np.empty(0, np.bool_), *flags]), allow_pickle=False)


def of_step(folder: Path, step: int, ranks: int) -> Metrics | None:
    """Metrics over the predictions that all ranks made after ``step``; None if there are none."""
    pairs = _joined([messages.predictions_path(folder, step, rank) for rank in range(ranks)])
    return None if pairs is None else measure(pairs[0], pairs[1])


@dataclass(frozen=True, slots=True)
class Novelty:
    """Separate metrics for examples with and without a value that does not occur in training; None if there are none.

    Attributes:
        share: of the examples with such a value.
    """

    seen: Metrics | None
    new: Metrics | None
    share: float


def of_novelty(folder: Path, step: int, ranks: int) -> Novelty | None:
    """The same, separately for examples with and without new values; None if new values were not recorded."""
    pairs = _joined([messages.predictions_path(folder, step, rank) for rank in range(ranks)])
    flags = _joined([messages.novelty_path(folder, rank) for rank in range(ranks)])
    if pairs is None or flags is None:
        return None
    seen, new = (measure(*pairs[:, chosen]) if chosen.any() else None for chosen in (~flags, flags))
    return Novelty(seen, new, float(flags.mean()))


def _joined(files: list[Path]) -> npt.NDArray[Any] | None:
    """The arrays of all ranks, joined along their last axis; None if one is missing or all are empty."""
    if not all(file.is_file() for file in files):
        return None
    joined = np.concatenate([np.load(file, allow_pickle=False) for file in files], axis=-1)
    return joined if joined.shape[-1] else None
