"""Steps and drifts in a series of measurements, one a commit.

::

    a step      the level is another one from some commit on
    a drift     it rises or falls a little with every commit

A split of the series is scored by Student's t of its two sides. The best split is a step if hardly any order of the
same values has one as good: a permutation test, which assumes no distribution, only that the order means nothing when
nothing has changed. What a straight line describes better than two levels is a drift. Both sides of a step are searched
again, as in binary segmentation (Scott & Knott 1974; Matteson & James 2014 test by permutation too). The logarithms are
compared, so a size is a factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVEL = 0.01
"""How often a series in which nothing has changed may give an alarm."""
FEWEST = 4
"""Commits on either side of a step."""
ORDERS = 999

Logs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        place: index of the first commit on the new level; of a drift, of the commit where it begins.
        factor: new level over old one; over the whole of a drift.
    """

    kind: Literal["step", "drift"]
    place: int
    factor: float


def changes(values: Sequence[float], seed: int = 0) -> list[Change]:
    """Every change in a series of positive measurements, in order; the same for the same series and seed."""
    logs = np.log(np.asarray(values, float))
    return sorted(_found(logs, 0, np.random.default_rng(seed)), key=lambda change: change.place)


def _found(logs: Logs, begin: int, random: np.random.Generator) -> list[Change]:
    if len(logs) < 2 * FEWEST:
        return []
    scores = _scores(logs[None, :])[0]
    best = float(scores.max())
    orders = random.permuted(np.tile(logs, (ORDERS, 1)), axis=1)
    as_good = int((_scores(orders).max(axis=1) >= best).sum())
    if (as_good + 1) / (ORDERS + 1) > LEVEL:
        return []
    split = int(scores.argmax()) + FEWEST
    slope, error = _line(logs)
    left, right = logs[:split], logs[split:]
    if error < len(left) * left.var() + len(right) * right.var():
        return [Change("drift", begin, math.exp(slope * (len(logs) - 1)))]
    step = Change("step", begin + split, math.exp(right.mean() - left.mean()))
    return [step, *_found(left, begin, random), *_found(right, begin + split, random)]


def _scores(series: Logs) -> Logs:
    """Student's t of every split with enough on both sides; ``series``: float64 ``[series, commits]``."""
    count = series.shape[1]
    sizes = np.arange(FEWEST, count - FEWEST + 1)
    sums = series.cumsum(axis=1)
    total = sums[:, -1:]
    left = sums[:, sizes - 1]
    between = (left - total * sizes / count) ** 2 * count / (sizes * (count - sizes))
    whole = ((series - series.mean(axis=1, keepdims=True)) ** 2).sum(axis=1, keepdims=True)
    within = np.maximum(whole - between, 1e-300)
    scores: Logs = np.sqrt(between * (count - 2) / within)
    return scores


def _line(logs: Logs) -> tuple[float, float]:
    """Slope of the straight line that fits best, and the sum of its squared errors."""
    places = np.arange(len(logs)) - (len(logs) - 1) / 2
    slope = float(places @ logs / (places @ places))
    errors = logs - logs.mean() - slope * places
    return slope, float(errors @ errors)
