"""The rows of all tables, as a trainer uses them: looked up before the model, updated after it.

====================================================================  ===============  ==============================
store                                                                 a rank holds     row gradients are sent to
====================================================================  ===============  ==============================
:class:`ReplicatedRows`                                               all rows         all ranks
:class:`wideload.strategies.replicated.sharded_rows.ShardedRows`      every n-th row   the rank that owns the row
====================================================================  ===============  ==============================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.model.tensors import Tensor
from wideload.strategies.replicated.exchange import Exchange, Unique
from wideload.strategies.replicated.optimizers import Optimizer
from wideload.strategies.replicated.table_variables import TableVariables


class WorkingSet(NamedTuple):
    """The distinct rows of one rank's batch, looked up.

    Attributes:
        rows: per table float32 ``[U, width]``.
        inverses: per table int32 ``[n]``: which row each value is.
        origin: what the store needs to update these rows.
    """

    rows: list[Any]
    inverses: list[Any]
    origin: Any


class RowStore(ABC):
    """All rows that this rank holds.

    Attributes:
        tables: their variables.
        part: which rows of every table these are.
    """

    tables: Sequence[TableVariables]
    part: slice = slice(None)

    @abstractmethod
    def look_up(self, values: Sequence[Tensor]) -> WorkingSet:
        """Looks up the rows of a batch that will be updated.

        Args:
            values: per table int64 ``[n]``, row ids with duplicates; ``n`` may be 0.
        """

    def read(self, values: Sequence[Tensor]) -> WorkingSet:
        """Looks up rows that will not be updated; as :meth:`look_up`."""
        return self.look_up(values)

    @abstractmethod
    def update(self, found: WorkingSet, gradients: Sequence[Tensor], scale: Tensor) -> list[Any]:
        """Adds the ranks' gradients of each row and applies the optimizers; returns the ops.

        Args:
            found: what :meth:`look_up` returned.
            gradients: per table ``[U, width]``, those of ``found.rows``.
            scale: a factor on the learning rates.
        """

    def optimizers(self) -> list[Optimizer]:
        """The variables of all tables, with their state."""
        return [part for table in self.tables for part in table.parts.values()]

    def arrays(self) -> Arrays:
        """Copies the rows that this rank holds, with their state, by the names used on disk."""
        pieces: dict[str, list[Any]] = {}
        for table in self.tables:
            for name, array in table.arrays().items():
                pieces.setdefault(f"{table.layout.name}/{name}", []).append(array)
        return {name: np.concatenate(some) for name, some in pieces.items()}

    def whole_shapes(self, arrays: Arrays) -> dict[str, tuple[int, ...]]:
        """The shapes of those of the arrays that are rows, with the rows of all ranks taken together."""
        rows: dict[str, int] = {}
        for table in self.tables:
            rows[table.layout.name] = rows.get(table.layout.name, 0) + (table.layout.rows or 0)
        tables = {name: name.partition("/")[0] for name in arrays}
        return {name: (rows[table], *arrays[name].shape[1:]) for name, table in tables.items() if table in rows}

    def assign(self, arrays: Arrays) -> None:
        """Assigns what :meth:`arrays` returned; other arrays are ignored."""
        begun: dict[str, int] = {}
        for table in self.tables:
            name = table.layout.name
            begin = begun.get(name, 0)
            begun[name] = begin + table.rows
            own = {key.partition("/")[2]: array for key, array in arrays.items() if key.partition("/")[0] == name}
            table.assign({key: array[begin : begun[name]] for key, array in own.items()})


class ReplicatedRows(RowStore):
    """Every rank holds all rows and applies the same sums.

    Args:
        tables: the variables of each table.
        exchange: sums row gradients over the ranks.
        unique: returns the distinct values, and for each value the index of its distinct value.
        first_rows: per table, the id at which its rows begin; empty if they all begin at 0.
    """

    def __init__(
        self, tables: Sequence[TableVariables], exchange: Exchange, unique: Unique, first_rows: Sequence[int] = ()
    ) -> None:
        self.tables = tables
        self._exchange = exchange
        self._unique = unique
        self._first_rows = first_rows

    def look_up(self, values: Sequence[Tensor]) -> WorkingSet:
        if self._first_rows:
            values = [ids - first for ids, first in zip(values, self._first_rows, strict=True)]
        found = [self._unique(ids) for ids in values]
        ids = [distinct for distinct, _ in found]
        return WorkingSet(self.gather(ids), [inverse for _, inverse in found], ids)

    def gather(self, ids: Sequence[Tensor]) -> list[Any]:
        """Per table the rows ``[n, width]`` of ids ``[n]``."""
        return [table.gather(some) for table, some in zip(self.tables, ids, strict=True)]

    def update(self, found: WorkingSet, gradients: Sequence[Tensor], scale: Tensor) -> list[Any]:
        slices = self._exchange(list(zip(found.origin, gradients, strict=True)))
        return [table.apply(*slice_, scale) for table, slice_ in zip(self.tables, slices, strict=True)]
