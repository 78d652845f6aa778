"""The collective operations that a replicated strategy needs, and the bytes that they move."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from wideload.harness.model.tensors import Tensor

Slices = list[tuple[Tensor, Tensor]]
"""Per table ``(ids [n] int64, rows [n, width])``."""


class Collectives:
    """Sums and gathers over the ranks. This base class implements them for a job of one rank.

    All ranks call them inside the graph, in the same order.
    """

    ranks = 1

    def scope(self) -> AbstractContextManager[Any]:
        """A context manager within which variables are created."""
        return nullcontext()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls ``function`` in a context in which the collectives below may be called."""
        return function(*arguments)

    def sum(self, vector: Tensor) -> Any:
        """Sums a float vector ``[n]`` over the ranks; not differentiable."""
        return vector

    def gather(self, tensor: Tensor) -> Any:
        """Concatenates the tensors of all ranks along axis 0, in rank order; their sizes may differ."""
        return tensor

    def begin_count(self) -> None:
        """Forgets the collectives that were traced before; called at the beginning of a graph."""

    def traffic(self) -> Any:
        """int64 ``[2]``: the bytes that this rank sends to other ranks, and receives from them, in the collectives that
        were traced since :meth:`begin_count`. None: they are not counted.
        """
        return None

    def close(self) -> None:
        """Leaves the job; idempotent."""


class RowCollectives(Collectives):
    """Collectives that also add sparse rows over the ranks."""

    @abstractmethod
    def sum_rows(self, slices: Slices) -> Slices:
        """Sums rows of equal ids over the ranks; within one rank and table, ids are distinct.

        The distinct rows of all ranks are in no particular order, which may differ between ranks.
        """
