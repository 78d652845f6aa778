"""Area under the ROC curve, exact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def auc(labels: npt.NDArray[np.float32], scores: npt.NDArray[np.float64]) -> float | None:
    """Probability that a positive scores above a negative, ties counting half; None when one class is missing.

    Mann & Whitney (1947): from the mean ranks of the positives. Both arrays are ``[n]``.
    """
    positive = labels > 0.5
    positives = int(positive.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    total = float(mean_rank[place[positive]].sum())
    return (total - positives * (positives + 1) / 2.0) / (positives * negatives)
