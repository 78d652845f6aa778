"""How a rank hands its batches to the worker that lives in the same process, and gets back what came of them.

The worker runs graphs that the coordinator, in another process, has sent. In such a graph stand two calls into Python,
``take`` and ``give``, which TensorFlow looks up by token in the process where the graph runs: so a batch that a rank
has read goes to the rank's own worker without passing through the coordinator. Every process registers the same two
calls in the same order; :func:`register` makes sure that their tokens are the same everywhere.

One mailbox is in use at a time, since a worker runs one closure at a time; one that is not in use answers ``IDLE``.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.errors import ClusterError
from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout

IDLE, TRAIN, PREDICT = range(3)
PAUSE_SECONDS = 0.01
"""Between two idle closures of a mailbox that is not in use."""

LETTER = (tf.int32, tf.float32, tf.float32, tf.int64, tf.int32, tf.float32, *[tf.int64] * 4, tf.float32)
"""Types of a letter: what to do, the seven inputs of a batch, step, first example, scale of learning rates."""

Arrays = list[npt.NDArray[Any]]


class Answer(NamedTuple):
    """What came of a letter.

    Attributes:
        clock: seconds before the pull, and after pull, computation and push.
        predicted: ``[B]``, for ``PREDICT``.
    """

    loss: float
    clock: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float32]


class Tokens(NamedTuple):
    """Names under which TensorFlow finds the two calls."""

    take: bytes
    give: bytes


class Mailbox:
    """One trainer's."""

    def __init__(self, layout: BatchLayout, cluster: Cluster) -> None:
        self._changed = threading.Condition()
        self._letters: deque[Arrays] = deque()
        self._answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        self._in_use = False
        self._empty = [np.zeros(0, kind.as_numpy_dtype) for kind in LETTER]
        self._empty[0] = np.array(IDLE, np.int32)
        self._empty[2] = np.zeros((0, layout.dense_width), np.float32)
        self._empty[6:] = [np.zeros((), kind.as_numpy_dtype) for kind in LETTER[6:]]
        self.tokens, self._kept = register(self._take, self._give, cluster)

    def use(self, in_use: bool) -> None:
        """A mailbox that is not in use sends the closure that waits at it away."""
        with self._changed:
            self._in_use = in_use
            self._changed.notify_all()

    def ask(self, what: int, batch: Batch, step: int = 0, first: int = 0, scale: float = 1.0) -> Answer:
        """Has the worker do it; returns when all of its updates are applied.

        Raises:
            ClusterError: the coordinator gave up.
        """
        with self._changed:
            self._letters.append(_letter(what, batch, step, first, scale))
            self._changed.notify_all()
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise ClusterError(f"TensorFlow's coordinator gave up: {answer}") from answer
        return answer

    def fail(self, error: BaseException) -> None:
        """Whoever asks is told."""
        self._answers.put(error)

    def _take(self) -> Arrays:
        with self._changed:
            while self._in_use and not self._letters:
                self._changed.wait()
            if self._letters:
                return self._letters.popleft()
            self._changed.wait(PAUSE_SECONDS)
            return self._empty

    def _give(self, what: Any, loss: Any, clock: Any, predicted: Any) -> npt.NDArray[np.int32]:
        if what != IDLE:
            # The arrays are TensorFlow's and end with the call.
            self._answers.put(Answer(float(loss), np.array(clock), np.array(predicted)))
        return np.int32(0)  # type: ignore[return-value]  # a NumPy scalar, as TensorFlow wants it


def _letter(what: int, batch: Batch, step: int, first: int, scale: float) -> Arrays:
    weights = np.zeros(0, np.float32) if batch.weights is None else batch.weights
    arrays: Arrays = [np.array(what, np.int32), batch.label, batch.dense, batch.values, batch.row_splits, weights]
    numbers = [np.array(number, np.int64) for number in (batch.global_size, batch.examples, step, first)]
    return [*arrays, *numbers, np.array(scale, np.float32)]


def register(take: Any, give: Any, cluster: Cluster) -> tuple[Tokens, Sequence[Any]]:
    """Tokens of the two calls, the same on every rank, and what must be kept as long as they are to be found.

    Raises:
        ClusterError: they differ, because a script has registered other calls on some ranks alone.
    """
    with tf.Graph().as_default() as graph:
        taken = tf.numpy_function(take, [], LETTER)
        given = tf.numpy_function(give, [tf.constant(0), *(tf.constant(0.0) for _ in range(3))], tf.int32)
    tokens = Tokens(taken[0].op.get_attr("token"), given.op.get_attr("token"))
    if len(set(cluster.allgather(tokens))) > 1:
        raise ClusterError(
            "ranks have called tf.numpy_function or tf.py_function unequally often before building "
            "tf_parameter_server; do so equally often on every rank."
        )
    return tokens, [graph]
