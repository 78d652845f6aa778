"""How a rank passes its batches to the worker in the same process and receives the results.

The worker runs graphs that the coordinator, in another process, has sent. Such a graph contains two calls into Python,
``take`` and ``give``, which TensorFlow looks up by token in the process where the graph runs. So a batch that a rank
has read reaches the rank's own worker without passing through the coordinator. Every process registers the same two
calls in the same order; :func:`register` checks that their tokens are the same everywhere.

Only one mailbox is in use at a time, since a worker runs one closure at a time. The others answer ``IDLE``.
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
"""How long a mailbox that is not in use waits between two idle closures."""

REQUEST = (tf.int32, tf.float32, tf.float32, tf.int64, tf.int32, tf.float32, *[tf.int64] * 4, tf.float32)
"""The dtypes of a request: the task, the seven inputs of a batch, step, first example, scale of the learning rates."""

Arrays = list[npt.NDArray[Any]]


class Answer(NamedTuple):
    """The result of a request.

    Attributes:
        clock: float64 ``[4]``, the time in seconds before the pull, and after pull, computation and push.
        predicted: float32 ``[B]`` for ``PREDICT``, else ``[0]``.
    """

    loss: float
    clock: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float32]


class Tokens(NamedTuple):
    """The names by which TensorFlow finds the two calls."""

    take: bytes
    give: bytes


class Mailbox:
    """The mailbox of one trainer on this rank."""

    def __init__(self, layout: BatchLayout, cluster: Cluster) -> None:
        self._changed = threading.Condition()
        self._requests: deque[Arrays] = deque()
        self._answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        self._in_use = False
        self._empty = [np.zeros(0, kind.as_numpy_dtype) for kind in REQUEST]
        self._empty[0] = np.array(IDLE, np.int32)
        self._empty[2] = np.zeros((0, layout.dense_width), np.float32)
        self._empty[6:] = [np.zeros((), kind.as_numpy_dtype) for kind in REQUEST[6:]]
        self.tokens, self._kept = register(self._take, self._give, cluster)

    def use(self, in_use: bool) -> None:
        """Switches the mailbox on or off; switching it off releases a closure that waits at it, with ``IDLE``."""
        with self._changed:
            self._in_use = in_use
            self._changed.notify_all()

    def ask(self, what: int, batch: Batch, step: int = 0, first: int = 0, scale: float = 1.0) -> Answer:
        """Sends the worker a request; returns when all of its updates are applied.

        Raises:
            ClusterError: a closure failed on the coordinator.
        """
        with self._changed:
            self._requests.append(_request(what, batch, step, first, scale))
            self._changed.notify_all()
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise ClusterError(f"TensorFlow's coordinator gave up: {answer}") from answer
        return answer

    def fail(self, error: BaseException) -> None:
        """Propagates the error to pending callers."""
        self._answers.put(error)

    def _take(self) -> Arrays:
        with self._changed:
            while self._in_use and not self._requests:
                self._changed.wait()
            if self._requests:
                return self._requests.popleft()
            self._changed.wait(PAUSE_SECONDS)
            return self._empty

    def _give(self, what: Any, loss: Any, clock: Any, predicted: Any) -> npt.NDArray[np.int32]:
        if what != IDLE:
            # The arrays belong to TensorFlow and are valid only during the call.
            self._answers.put(Answer(float(loss), np.array(clock), np.array(predicted)))
        return np.int32(0)  # type: ignore[return-value]  # TensorFlow requires a NumPy scalar


def _request(what: int, batch: Batch, step: int, first: int, scale: float) -> Arrays:
    weights = np.zeros(0, np.float32) if batch.weights is None else batch.weights
    arrays: Arrays = [np.array(what, np.int32), batch.label, batch.dense, batch.values, batch.row_splits, weights]
    numbers = [np.array(number, np.int64) for number in (batch.global_size, batch.examples, step, first)]
    return [*arrays, *numbers, np.array(scale, np.float32)]


def register(take: Any, give: Any, cluster: Cluster) -> tuple[Tokens, Sequence[Any]]:
    """Returns the tokens of the two calls, and the objects that must be kept alive as long as the tokens are used.

    Raises:
        ClusterError: the tokens differ between ranks, because a script has registered other calls on some ranks only.
    """
    with tf.Graph().as_default() as graph:
        taken = tf.numpy_function(take, [], REQUEST)
        given = tf.numpy_function(give, [tf.constant(0), *(tf.constant(0.0) for _ in range(3))], tf.int32)
    tokens = Tokens(taken[0].op.get_attr("token"), given.op.get_attr("token"))
    if len(set(cluster.allgather(tokens))) > 1:
        raise ClusterError(
            "ranks have called tf.numpy_function or tf.py_function different numbers of times before building "
            "tf_parameter_server; call them the same number of times on every rank."
        )
    return tokens, [graph]
