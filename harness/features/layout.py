"""The unit of training that is passed between packages: a batch, and the layout that all batches of a workload have.

One ragged block holds all slots, in KeyedJaggedTensor's layout (slot-major)::

    bag (s, b)  = values[row_splits[s * B + b] : row_splits[s * B + b + 1]]       S slots, B examples
    table t     = slots layout.tables[t].first_slot ... contiguous, so its values are one contiguous range

What a value is depends on the strategy: a *sign* (64-bit key of the sparse table, as int64 bits) for ``sparse_ps``, a
*row id* of the table's variable, in ``[0, rows)``, for the replicated strategies.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from wideload.arrays import Integers
from wideload.harness.workload.columns import Combiner, Initializer
from wideload.hashing import signs

Keys = Literal["signs", "ids"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The part of one global batch that one rank trains on. ``B`` may be 0 on some ranks (a short last batch).

    Attributes:
        label: float32 ``[B]``, 0 or 1.
        dense: float32 ``[B, D]``, numeric columns after their transforms; ``D`` may be 0.
        values: int64 ``[nnz]``, signs or row ids of all slots.
        row_splits: int32 ``[S * B + 1]``, ends of the bags in ``values``.
        weights: float32 ``[nnz]``, or None when every value weighs 1.
        global_size: examples in the global batch over all ranks: the denominator of loss and gradient.
        padding: how many of the B rows, at the end, are no examples: label 0, zeros and empty bags. They count for
            nothing.
    """

    label: npt.NDArray[np.float32]
    dense: npt.NDArray[np.float32]
    values: npt.NDArray[np.int64]
    row_splits: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32] | None
    global_size: int
    padding: int = 0

    @property
    def size(self) -> int:
        """B, rows on this rank."""
        return len(self.label)

    @property
    def examples(self) -> int:
        """Number of rows that are examples: the first ones."""
        return self.size - self.padding

    def values_of(self, table: TableLayout) -> npt.NDArray[np.int64]:
        """int64 ``[n]``: the values of one table's slots."""
        first = table.first_slot * self.size
        begin, end = self.row_splits[[first, first + len(table.slots) * self.size]]
        return self.values[begin:end]

    def padded(self, rows: int, slots: int) -> Batch:
        """The same examples in a batch of ``rows`` rows, for consumers that want one shape for all batches."""
        missing = rows - self.size
        if missing == 0:
            return self
        lengths = np.diff(self.row_splits).reshape(slots, self.size)
        row_splits = np.zeros(slots * rows + 1, np.int32)
        np.cumsum(np.pad(lengths, ((0, 0), (0, missing))), out=row_splits[1:])
        return replace(
            self,
            label=np.pad(self.label, (0, missing)),
            dense=np.pad(self.dense, ((0, missing), (0, 0))),
            row_splits=row_splits,
            padding=self.padding + missing,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PretrainedRows:
    """Embeddings trained elsewhere.

    Attributes:
        signs: int64 ``[n]``, ascending, distinct.
        rows: float32 ``[n, dim]``.
    """

    signs: npt.NDArray[np.int64]
    rows: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SlotLayout:
    """One categorical input of the model.

    Attributes:
        name: the column's name.
        combiner: how the deep vectors of a bag are combined (the wide weights of a bag are always summed).
        rows: number of distinct row ids (replicated strategies), or None when unbounded (signs only).
        first_row: offset of this slot's ids in its table's variable; slots of a shared table share it.
        salt: uint64 that turns local ids into signs: ``sign = SignOf(salt, id - first_row)`` (``native/table/hash.h``).
        pretrained: embeddings trained elsewhere that rows of this slot start from, or None.
    """

    name: str
    combiner: Combiner
    rows: int | None
    first_row: int
    salt: int = 0
    pretrained: PretrainedRows | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TableLayout:
    """Slots whose rows have the same shape: ``wide`` linear weights (0 or 1) and ``dim`` embedding floats.

    A pulled row is ``[wide | deep]``, ``width`` float32. Wide weights start at zero.

    Attributes:
        name: ``wide8`` (linear weight and 8 embedding floats), ``wide0``, ``deep8``...: a function of the shape and
            start of the rows, so that adding a column changes no other column's table.
        initializer: of the deep part; None when ``dim`` is 0.
        admit_at: how often a row must occur before it gets a deep part; 0: from its first occurrence.
    """

    name: str
    wide: int
    dim: int
    first_slot: int
    slots: tuple[SlotLayout, ...]
    initializer: Initializer | None = None
    admit_at: float = 0.0

    @property
    def width(self) -> int:
        return self.wide + self.dim

    @property
    def rows(self) -> int | None:
        """Rows of the variable that holds this table in a replicated strategy; None when unbounded."""
        if any(slot.rows is None for slot in self.slots):
            return None
        return max((slot.first_row + (slot.rows or 0) for slot in self.slots), default=0)


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """The layout of every batch of a workload; a pure function of its column declaration.

    Attributes:
        weighted: batches carry ``weights``.
    """

    tables: tuple[TableLayout, ...]
    dense_width: int
    weighted: bool = False

    @property
    def slots(self) -> int:
        return sum(len(table.slots) for table in self.tables)

    @property
    def deep_width(self) -> int:
        """Width of all embeddings side by side, in slot order."""
        return sum(len(table.slots) * table.dim for table in self.tables)


def table_signs(table: TableLayout, part: slice = slice(None)) -> Integers:
    """int64: the signs of the rows ``range(table.rows)[part]`` of a bounded table, all of them by default."""
    chosen = range(table.rows or 0)[part]
    made = np.empty(len(chosen), np.int64)
    for slot in table.slots:
        begin, end = (_first_from(slot.first_row + rows, chosen) for rows in (0, slot.rows or 0))
        ids = np.arange(chosen.start + begin * chosen.step, chosen.start + end * chosen.step, chosen.step, np.int64)
        made[begin:end] = signs(slot.salt, ids - slot.first_row)
    return made


def _first_from(row: int, chosen: range) -> int:
    """How many of the chosen rows lie before a row."""
    return len(range(chosen.start, min(row, chosen.stop), chosen.step))
