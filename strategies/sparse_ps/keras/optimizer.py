"""``Optimizer``: the optimizers that the owners apply, as an object for ``Model.compile``.

A rank computes gradients and pushes them; the owner of a row or of a dense parameter applies its optimizer. So there is
no optimizer state in Keras: this object declares the optimizers and counts steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from wideload.errors import UsageError
from wideload.harness import workload
from wideload.harness.workload.optimizers import AdaGrad

Factor = float | Callable[[Any], Any]


class Optimizer(keras.optimizers.Optimizer):  # type: ignore[misc]
    """The optimizers of a model trained by the parameter server.

    Args:
        dense: the optimizer of the tower's variables.
        sparse: the optimizer of layers that have none of their own.
        learning_rate: a factor on the learning rates of *all* optimizers: a number, which callbacks may change, or a
            function of the step, such as a Keras ``LearningRateSchedule``. None: no factor, at no cost.
    """

    def __init__(
        self,
        dense: workload.Optimizer | None = None,
        sparse: workload.Optimizer | None = None,
        learning_rate: Factor | None = None,
        name: str = "wideload",
    ) -> None:
        super().__init__(name=name)
        self.dense: Any = dense if dense is not None else AdaGrad()
        self.sparse: Any = sparse if sparse is not None else AdaGrad()
        self._schedule = learning_rate if callable(learning_rate) else None
        self._scaled = learning_rate is not None
        start = learning_rate if isinstance(learning_rate, int | float) else 1.0
        self._learning_rate = self._build_learning_rate(float(start))

    def factor(self, step: Any) -> Any | None:
        """Returns the factor of this step, a float32 scalar within the graph, or None if there is no factor."""
        if not self._scaled:
            return None
        return tf.cast(self._learning_rate if self._schedule is None else self._schedule(step), tf.float32)

    @property
    def constant_factor(self) -> float | None:
        """The factor that callbacks may change; None if there is none, or a schedule."""
        return float(self._learning_rate) if self._scaled and self._schedule is None else None

    @constant_factor.setter
    def constant_factor(self, factor: float) -> None:
        self._learning_rate.assign(factor)

    def update_step(self, gradient: Any, variable: Any) -> None:  # noqa: ARG002
        """Always raises an error: owners apply the optimizers.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "this optimizer is applied by the parameter server: train with Model.fit or Model.train_step, "
            "or call apply_gradients of an optimizer of Keras."
        )

    @property
    def declaration(self) -> str:
        """A description, as text, that must be equal on all ranks."""
        schedule = type(self._schedule).__name__ if self._schedule is not None else self._scaled
        return f"dense {self.dense!r}, learning rate factor {schedule}"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        factor = self._schedule if self._schedule is not None else float(self._learning_rate)
        scale = factor if self._scaled else None
        return {"dense": self.dense, "sparse": self.sparse, "learning_rate": scale, "name": self.name}
