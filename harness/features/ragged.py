"""A column of a batch while it is compiled: for each example a bag of 0..n 64-bit values, optionally with weights.

``splits is None`` means that every example holds exactly one value: the common case, which needs no offsets at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wideload.arrays import Floats, Integers
from wideload.hashing import combine


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """``B`` bags.

    Attributes:
        values: int64 ``[nnz]``.
        splits: int64 ``[B + 1]``, starting at 0, or None for one value each.
        weights: float32 ``[nnz]``, or None when every value weighs 1.
    """

    values: Integers
    splits: Integers | None = None
    weights: Floats | None = None

    @property
    def size(self) -> int:
        """Number of bags."""
        return len(self.values) if self.splits is None else len(self.splits) - 1

    def offsets(self) -> Integers:
        """int64 ``[B + 1]``: ``splits``, computed where it is None."""
        return np.arange(len(self.values) + 1, dtype=np.int64) if self.splits is None else self.splits

    def lengths(self) -> Integers:
        return np.ones(len(self.values), np.int64) if self.splits is None else np.diff(self.splits)

    def replaced(self, values: Integers) -> Ragged:
        """The same bags with other values ``[nnz]``."""
        return replace(self, values=values)

    def where(self, keep: npt.NDArray[np.bool_]) -> Ragged:
        """Only the values where ``keep [nnz]`` is true."""
        if keep.all():
            return self
        running = np.concatenate(([0], np.cumsum(keep)))
        weights = None if self.weights is None else self.weights[keep]
        return Ragged(self.values[keep], running[self.offsets()], weights)

    def last(self, count: int) -> Ragged:
        """Only the last ``count`` values of every bag."""
        if self.splits is None:
            return self
        position = np.arange(len(self.values)) - np.repeat(self.splits[1:], self.lengths())
        return self.where(position >= -count)

    def row_of(self, position: int) -> int:
        """The example that holds the value at ``position``."""
        return int(np.searchsorted(self.offsets(), position, side="right")) - 1


def cross(left: Ragged, right: Ragged) -> Ragged:
    """Every combination of one value from each bag, hashed; weights are multiplied.

    The value from the right bag changes fastest. A bag is empty when the bag of either side is.
    """
    if left.splits is None and right.splits is None and left.weights is None and right.weights is None:
        return Ragged(combine(left.values, right.values))
    widths = right.lengths()
    counts = left.lengths() * widths
    splits = np.concatenate(([0], np.cumsum(counts)))
    example = np.repeat(np.arange(len(counts)), counts)
    inside = np.arange(len(example)) - splits[example]
    i = left.offsets()[example] + inside // widths[example]
    j = right.offsets()[example] + inside % widths[example]
    return Ragged(combine(left.values[i], right.values[j]), splits, _product(left.weights, i, right.weights, j))


def _product(left: Floats | None, i: Integers, right: Floats | None, j: Integers) -> Floats | None:
    if left is None or right is None:
        return right[j] if left is None and right is not None else left[i] if left is not None else None
    return left[i] * right[j]


def merge(parts: list[Ragged]) -> Ragged:
    """One bag per example that holds the values of all parts, in their order."""
    counts = np.stack([part.lengths() for part in parts])
    splits = np.concatenate(([0], np.cumsum(counts.sum(axis=0))))
    before = splits[:-1] + np.cumsum(counts, axis=0) - counts
    values = np.empty(splits[-1], np.int64)
    weighted = any(part.weights is not None for part in parts)
    weights = np.ones(splits[-1], np.float32) if weighted else None
    for part, starts, lengths in zip(parts, before, counts, strict=True):
        shift = np.repeat(starts - part.offsets()[:-1], lengths)
        place = np.arange(len(part.values)) + shift
        values[place] = part.values
        if weights is not None and part.weights is not None:
            weights[place] = part.weights
    return Ragged(values, splits, weights)
