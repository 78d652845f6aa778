"""Quality of predictions, computed exactly over all held-out examples.

AUC is the area under the ROC curve with ties counted half; log loss is natural; COPC is clicks over predicted clicks, 1
for a calibrated model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class Metrics:
    """AUC is None when the labels are all equal or a prediction is not finite; COPC when the predictions add up to 0.

    Attributes:
        examples: how many were measured; clicks: how many of them have the label 1.
        not_finite: how many predictions are NaN or infinite.
    """

    auc: float | None
    logloss: float
    copc: float | None
    examples: int
    clicks: int
    not_finite: int


def measure(labels: npt.NDArray[np.float32], predictions: npt.NDArray[np.float32]) -> Metrics:
    """Metrics of float32 ``[n]`` labels (0 or 1) and probabilities.

    Predictions that are not finite give NaN log loss.
    """
    from sklearn.metrics import roc_auc_score

    not_finite = int((~np.isfinite(predictions)).sum())
    two_classes = 0 < labels.sum() < len(labels)
    probability = np.clip(predictions.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    logloss = -np.mean(labels * np.log(probability) + (1 - labels) * np.log1p(-probability))
    expected = float(predictions.sum(dtype=np.float64))
    return Metrics(
        auc=float(roc_auc_score(labels, predictions)) if two_classes and not not_finite else None,
        logloss=float(logloss),
        copc=float(labels.sum(dtype=np.float64)) / expected if expected > 0 else None,
        examples=len(labels),
        clicks=int(labels.sum(dtype=np.float64)),
        not_finite=not_finite,
    )
