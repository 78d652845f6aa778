"""The exact area under the ROC curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def auc(labels: npt.NDArray[np.float32], scores: npt.NDArray[np.float64]) -> float | None:
    """Returns the probability that a positive scores above a negative, where a tie counts one half.

    It is computed from the mean ranks of the positives (Mann & Whitney 1947). Both arrays are ``[n]``; the result is
    None when one class is missing.
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
