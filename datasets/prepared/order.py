"""The order in which examples are read: which rows of which row group form each global batch.

::

    stored        G0 G1 G2 G3 G4 G5 G6 G7            row groups, as on disk
    permuted      G5 G2 G7 G0 | G3 G6 G1 G4          groups, and rows within each, permuted by (seed, epoch)
    lanes         lane 0      | lane 1               the permuted sequence cut into equal stretches
    batch t       next rows of lane 0, next rows of lane 1

A batch takes its rows from all lanes at once, so the shuffle window is one row group per lane. A rank's share of a
batch is contiguous and therefore covers whole lanes: a rank reads only the row groups of its own lanes. Nothing here
depends on the number of ranks, and the position of step ``t`` is computed without reading what comes before it.

Every second lane runs backwards, so two lanes that share a row group need it at the same time and an epoch reads each
group about once.

Without a seed there is one lane and nothing is permuted: rows come in stored order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wideload.datasets.contract import Plan

LANES = 16
ROWS_PER_LANE = 64
_FEWEST_LANES = 4


def shares(size: int, parts: int) -> npt.NDArray[np.int64]:
    """Returns the starts of ``parts`` contiguous shares of ``size`` rows, and the end: int64 ``[parts + 1]``."""
    base, extra = divmod(size, parts)
    index = np.arange(parts + 1, dtype=np.int64)
    begins: npt.NDArray[np.int64] = index * base + np.minimum(index, extra)
    return begins


class Piece(NamedTuple):
    """Rows ``[begin, end)`` of one row group, counted in the order given by :meth:`Order.permutation`."""

    group: int
    begin: int
    end: int


class Order:
    """The order of one epoch of a split.

    Args:
        group_rows: rows of every row group, in stored order.
        plan: seed, epoch, batch size and rank.
    """

    def __init__(self, group_rows: Sequence[int], plan: Plan) -> None:
        self._plan = plan
        rows = np.asarray(group_rows, dtype=np.int64)
        self.examples = int(rows.sum())
        self._groups = self._rng(0).permutation(len(rows)) if plan.seed is not None else np.arange(len(rows))
        self._ends: list[int] = [0, *np.cumsum(rows[self._groups]).tolist()]
        self._lanes = 1
        if plan.seed is not None:
            self._lanes = min(plan.batch_size, max(_FEWEST_LANES, min(LANES, plan.batch_size // ROWS_PER_LANE)))
        full, rest = divmod(self.examples, plan.batch_size)
        whole = shares(plan.batch_size, self._lanes)
        self._whole: list[int] = whole.tolist()
        self._lane_begins: list[int] = (full * whole + shares(rest, self._lanes)).tolist()

    @property
    def batches(self) -> int:
        return self._plan.batches(self.examples)

    def permutation(self, group: int, rows: int) -> npt.NDArray[np.int64] | None:
        """Returns the order of rows within a group; None for the stored order."""
        return None if self._plan.seed is None else self._rng(1 + group).permutation(rows)

    def pieces(self, step: int) -> list[Piece]:
        """Returns this rank's share of global batch ``step``, in order."""
        size = min(self._plan.batch_size, self.examples - step * self._plan.batch_size)
        begin, end = self._plan.share(size)
        inside = self._whole if size == self._plan.batch_size else shares(size, self._lanes).tolist()
        found: list[Piece] = []
        for lane in range(self._lanes):
            low, high = inside[lane], inside[lane + 1]
            first, last = max(begin, low), min(end, high)
            if first < last:
                start = self._start(lane, step, high - low) + first - low
                found.extend(self._cut(start, start + last - first))
        return found

    def _start(self, lane: int, step: int, rows: int) -> int:
        """Where a lane's ``rows`` rows of a batch begin in the permuted sequence; odd lanes run backwards."""
        before = step * (self._whole[lane + 1] - self._whole[lane])
        if lane % 2:
            return self._lane_begins[lane + 1] - before - rows
        return self._lane_begins[lane] + before

    def _cut(self, begin: int, end: int) -> list[Piece]:
        """Cuts rows ``[begin, end)`` of the permuted sequence by row group."""
        found = []
        index = bisect_right(self._ends, begin) - 1
        while begin < end:
            stop, offset = min(end, self._ends[index + 1]), self._ends[index]
            if stop > begin:
                found.append(Piece(int(self._groups[index]), begin - offset, stop - offset))
            begin, index = stop, index + 1
        return found

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._plan.seed or 0, self._plan.epoch, stream])
