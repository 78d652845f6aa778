"""How good predictions are: exact, over all held-out examples.

AUC is the area under the ROC curve with ties counted half; log loss is natural; COPC is clicks over predicted clicks, 1
for a calibrated model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wideload.harness.job import messages

_SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class Metrics:
    """AUC is None when the labels are all equal; COPC when nothing was predicted to click."""

    auc: float | None
    logloss: float
    copc: float | None


def measure(labels: npt.NDArray[np.float32], predictions: npt.NDArray[np.float32]) -> Metrics:
    """Metrics of float32 ``[n]`` labels (0 or 1) and probabilities.

    Predictions that are not finite give NaN log loss.
    """
    from sklearn.metrics import roc_auc_score

    usable = bool(np.isfinite(predictions).all())
    two_classes = 0 < labels.sum() < len(labels)
    probability = np.clip(predictions.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    logloss = -np.mean(labels * np.log(probability) + (1 - labels) * np.log1p(-probability))
    expected = float(predictions.sum(dtype=np.float64))
    return Metrics(
        auc=float(roc_auc_score(labels, predictions)) if usable and two_classes else None,
        logloss=float(logloss),
        copc=float(labels.sum(dtype=np.float64)) / expected if expected > 0 else None,
    )


def save_predictions(
    folder: Path,
    step: int,
    rank: int,
    labels: list[npt.NDArray[np.float32]],
    predictions: list[npt.NDArray[np.float32]],
) -> None:
    """Keeps one rank's predictions for :func:`of_step`."""
    empty = [np.empty(0, np.float32)]
    pair = np.stack([np.concatenate(empty + labels), np.concatenate(empty + predictions)])
    np.save(messages.predictions_path(folder, step, rank), pair, allow_pickle=False)


def save_novelty(folder: Path, rank: int, flags: list[npt.NDArray[np.bool_]]) -> None:
    """Keeps which of one rank's held-out examples are new, in the order of its predictions, for :func:`of_novelty`."""
    np.save(messages.novelty_path(folder, rank), np.concatenate([np.empty(0, np.bool_), *flags]), allow_pickle=False)


def of_step(folder: Path, step: int, ranks: int) -> Metrics | None:
    """Metrics over the predictions of all ranks after ``step``; None when there are none."""
    pairs = _joined([messages.predictions_path(folder, step, rank) for rank in range(ranks)])
    return None if pairs is None else measure(pairs[0], pairs[1])


@dataclass(frozen=True, slots=True)
class Novelty:
    """Metrics apart by whether an example holds a value that training never showed; None where there are none.

    Attributes:
        share: of the examples that do.
    """

    seen: Metrics | None
    new: Metrics | None
    share: float


def of_novelty(folder: Path, step: int, ranks: int) -> Novelty | None:
    """The same, apart for examples with and without new values; None when that was not looked at."""
    pairs = _joined([messages.predictions_path(folder, step, rank) for rank in range(ranks)])
    flags = _joined([messages.novelty_path(folder, rank) for rank in range(ranks)])
    if pairs is None or flags is None:
        return None
    seen, new = (measure(*pairs[:, chosen]) if chosen.any() else None for chosen in (~flags, flags))
    return Novelty(seen, new, float(flags.mean()))


def _joined(files: list[Path]) -> npt.NDArray[Any] | None:
    """The arrays of all ranks along their last axis; None when one is missing, or nothing is in them."""
    if not all(file.is_file() for file in files):
        return None
    joined = np.concatenate([np.load(file, allow_pickle=False) for file in files], axis=-1)
    return joined if joined.shape[-1] else None
