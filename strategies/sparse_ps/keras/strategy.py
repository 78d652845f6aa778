"""``PsStrategy``: the job that ``mpirun`` started, and how data is split among its ranks.

::

    distribute   dataset of global batches   ->  this rank's part of each     equal numbers of batches: any mode
    shard        dataset of single examples  ->  every ``ranks``-th example    asynchronous mode

In the other modes a step needs all ranks, and so do evaluation and prediction: all ranks must see the same number of
batches. The ranks' parts of a batch may differ in size or be empty.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from wideload.errors import ClusterError
from wideload.harness.cluster import Cluster
from wideload.options import validate
from wideload.strategies.sparse_ps.meeting import Meetings
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.server import PsCluster
from wideload.strategies.threads import limit_threads


class PsStrategy:
    """How a Keras model is trained by the parameter server.

    Args:
        mode: ``sync``, ``bounded`` or ``async``.
        seed: for new rows and, inside :meth:`scope`, for TensorFlow, NumPy and Python.
        threads: compute threads of this rank; None: ``WIDELOAD_THREADS``, or 1.
        options: further options of :class:`wideload.strategies.sparse_ps.SparsePsOptions`.

    Raises:
        UsageError: an option is unknown, or a value is out of range.
    """

    def __init__(self, mode: str = "sync", *, seed: int = 0, threads: int | None = None, **options: Any) -> None:
        self.options = validate(SparsePsOptions, {"mode": mode, **options}, "PsStrategy")
        self.seed = seed
        self.cluster = Cluster.world(threads)
        self._open: list[PsCluster] = []
        self._meetings = Meetings(self.cluster, self.options.timeout)
        atexit.register(self._at_exit)

    @property
    def rank(self) -> int:
        """The number of this process, in ``[0, ranks)``."""
        return self.cluster.rank

    @property
    def ranks(self) -> int:
        return self.cluster.ranks

    @property
    def synchronous(self) -> bool:
        """Whether a step is one step of large-batch SGD over all ranks."""
        return self.options.synchronous

    @contextlib.contextmanager
    def scope(self) -> Iterator[PsStrategy]:
        """Limits TensorFlow's thread pools (if it has run no operation yet), and sets the same seed on all ranks."""
        limit_threads(self.cluster.threads)
        keras.utils.set_random_seed(self.seed)
        yield self

    def shard(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns every ``ranks``-th element, starting at this rank; for single examples or file names."""
        return dataset.shard(self.ranks, self.rank)

    def distribute(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns this rank's contiguous part of every batch; the first ranks get one more if it does not divide.

        Every rank reads all the data. The order must be the same on all ranks: give ``shuffle`` a seed, or use
        :meth:`scope`.
        """
        return dataset.map(lambda *batch: self._part(batch if len(batch) > 1 else batch[0]))

    def _part(self, batch: Any) -> Any:
        leaves = tf.nest.flatten(batch)
        size = tf.cast(_examples(leaves[0]), tf.int64)
        base, extra = size // self.ranks, size % self.ranks
        begin = self.rank * base + tf.minimum(tf.constant(self.rank, tf.int64), extra)
        end = begin + base + tf.cast(self.rank < extra, tf.int64)
        return tf.nest.map_structure(lambda leaf: _slice(leaf, begin, end), batch)

    def open(
        self,
        tables: Sequence[Any],
        dense: npt.NDArray[np.float32],
        segments: Sequence[tuple[int, Any]],
        declaration: Mapping[str, str],
    ) -> PsCluster:
        """Opens a parameter server, which :meth:`close` closes. Collective; see :class:`PsCluster`."""
        opened = PsCluster(tables, dense, segments, self.cluster, self.options, declaration, self._meetings)
        self._open.append(opened)
        return opened

    def meet(self, call: str) -> None:
        """Returns when all ranks have made this call. Collective.

        Raises:
            ClusterError: another rank made another call, or none within the time-out.
        """
        self._meetings.meet(call, lambda: [server.progress() for server in self._open])

    def gather(self, call: str, value: Any) -> list[Any]:
        """Returns ``value`` of every rank, in rank order, once all have made this call. See :meth:`meet`."""
        self.meet(call)
        return self.cluster.allgather(value)

    def close(self) -> None:
        """Closes every parameter server that was opened. Collective; idempotent; called at exit.

        Raises:
            ClusterError: another rank does something else, or nothing within the time-out.
        """
        while self._open:
            self._open.pop().close()

    def _at_exit(self) -> None:
        """Ends the whole job if this rank ends after an exception, because the others would wait for it.

        A script may catch the error of a meeting and end by itself. The others are then somewhere else in the script,
        and ``MPI_Finalize`` may wait for them without end.
        """
        if self.ranks > 1 and (hasattr(sys, "last_value") or self._meetings.failed):
            self._abort()
        if not self._open:
            return
        try:
            self.close()
        except ClusterError as error:
            sys.stderr.write(f"{error}\n")
            self._abort()

    def _abort(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.cluster.comm.Abort(1)


def _examples(leaf: Any) -> Any:
    if isinstance(leaf, tf.SparseTensor):
        return leaf.dense_shape[0]
    return leaf.nrows() if isinstance(leaf, tf.RaggedTensor) else tf.shape(leaf)[0]


def _slice(leaf: Any, begin: Any, end: Any) -> Any:
    if not isinstance(leaf, tf.SparseTensor):
        return leaf[begin:end]
    start = tf.concat([[begin], tf.zeros([leaf.shape.rank - 1], tf.int64)], axis=0)
    size = tf.concat([[end - begin], leaf.dense_shape[1:]], axis=0)
    return tf.sparse.slice(leaf, start, size)
