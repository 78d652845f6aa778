"""What the ranks of a replicated strategy do together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Collectives:
    """Sums and gathers; these are for a rank on its own.

    Called inside the graph, by all ranks in one order.
    """

    ranks = 1

    def scope(self) -> AbstractContextManager[Any]:
        """Variables are created in here."""
        return nullcontext()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls ``function`` where the collectives below may be called."""
        return function(*arguments)

    def sum(self, vector: Any) -> Any:
        """Sum over the ranks of a float vector ``[n]``; not differentiable."""
        return vector

    def gather(self, tensor: Any) -> Any:
        """Tensors of all ranks along axis 0, in rank order; sizes may differ."""
        return tensor

    def close(self) -> None:
        """Leaves the job; idempotent."""
