"""What a rank of ``n`` sends to the others and receives from them, in bytes of data, counted inside the graph.

Headers are not counted, nor the messages by which Horovod agrees on what comes next.

==========  ==============================  ====================  =====================================================
operation   sends                           receives
==========  ==============================  ====================  =====================================================
sum         ``2 (n - 1) / n`` of a vector   as much               the least that an allreduce takes; for short vectors
                                                                  MPI may send more in fewer messages
gather      its tensor ``n - 1`` times      those of the others   where ranks pass on what they got, one sends more and
                                                                  another less
==========  ==============================  ====================  =====================================================

Other operations say themselves what they move.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from wideload.harness.model.tensors import Tensor


class Traffic:
    """The bytes of the collectives of one graph.

    Args:
        ranks: the number of ranks.
    """

    def __init__(self, ranks: int) -> None:
        self._ranks = ranks
        self._moved: list[Any] = []

    def begin(self) -> None:
        """Forgets what was traced before."""
        self._moved = []

    def total(self) -> Any:
        """int64 ``[2]``: bytes sent and received by what was traced since :meth:`begin`."""
        return tf.add_n(self._moved)

    def summed(self, vector: Tensor) -> None:
        """Counts an allreduce of a vector."""
        moved = size_in_bytes(vector) * 2 * (self._ranks - 1) // self._ranks
        self.add(moved, moved)

    def gathered(self, own: Tensor, all_ranks: Tensor) -> None:
        """Counts an allgather of this rank's tensor, from what it gave."""
        self.add(size_in_bytes(own) * (self._ranks - 1), size_in_bytes(all_ranks) - size_in_bytes(own))

    def add(self, sent: Tensor, received: Tensor) -> None:
        """Counts int64 scalars."""
        self._moved.append(tf.stack([sent, received]))


def size_in_bytes(tensor: Tensor) -> Any:
    """The size of a tensor in bytes, int64."""
    return tf.size(tensor, tf.int64) * tensor.dtype.size
