"""A Keras model's variables as the flat vector that the parameter server keeps.

::

    flat [P + Q] = trainable variables [P]            under the dense optimizer
                   other float variables [Q]          under SGD with learning rate 1

The second part holds the moving statistics of batch normalisation and similar layers. Every rank pushes its share of
``old - new``, so that the owners hold the average over the ranks, weighted by examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.errors import UsageError
from wideload.harness.model.tensors import Tensor
from wideload.harness.workload.optimizers import Sgd
from wideload.strategies.sparse_ps.tables import make_optimizer

_MOVING = Sgd(learning_rate=1.0)


class DenseVector:
    """Splits the flat vector into the tower's variables, and joins their gradients.

    Args:
        tower: a built model. Its float32 variables are shared; others (integer counters) remain local to each rank.

    Raises:
        UsageError: the tower is not built, or has a trainable variable of another type.
    """

    def __init__(self, tower: Any) -> None:
        if not tower.built:
            raise UsageError("the tower has no variables yet: build it from keras.Input, or call it once.")
        self._trainable = list(tower.trainable_variables)
        self._moving = [each for each in tower.non_trainable_variables if each.dtype == tf.float32]
        self._frozen: set[int] = set()
        for variable in self._trainable:
            if variable.dtype != tf.float32:
                raise UsageError(f"variable {variable.name!r} is {variable.dtype.name}; a tower trains in float32.")

    @property
    def trainable(self) -> list[Any]:
        return self._trainable

    def freeze(self, tower: Any, optimizer: Any) -> None:
        """Leaves variables alone from now on whose layers are no longer trainable, and trains the others.

        Raises:
            UsageError: the optimizer would move them without a gradient, or a variable did not train from the start.
        """
        now = {id(variable) for variable in tower.trainable_variables}
        if late := [variable.name for variable in self._moving if id(variable) in now]:
            raise UsageError(
                f"{', '.join(late)} did not train when the parameter server opened, so no optimizer has state for it. "
                "Freeze layers after the first compile, or make a new Model."
            )
        frozen = [variable for variable in self._trainable if id(variable) not in now]
        if frozen:
            require_freezable(optimizer, ", ".join(variable.name for variable in frozen))
        self._frozen = {id(variable) for variable in frozen}

    @property
    def declaration(self) -> str:
        """A description, as text, that must be equal on all ranks."""
        return ", ".join(f"{variable.name} {tuple(variable.shape)}" for variable in self._all)

    @property
    def _all(self) -> list[Any]:
        return [*self._trainable, *self._moving]

    @property
    def shapes(self) -> dict[str, list[list[int]]]:
        """The shapes of the variables, in the order of the vector: ``trainable`` and ``other``."""
        parts = {"trainable": self._trainable, "other": self._moving}
        return {kind: [list(variable.shape) for variable in variables] for kind, variables in parts.items()}

    def initial(self) -> npt.NDArray[np.float32]:
        """Returns float32 ``[P + Q]``, the current values of the variables."""
        parts = [variable.numpy().ravel() for variable in self._all]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def segments(self, optimizer: Any) -> list[tuple[int, Any]]:
        """Returns the segments of the vector ``(size, optimizer)``."""
        return [
            (sum(_sizes(self._trainable)), make_optimizer(optimizer)),
            (sum(_sizes(self._moving)), make_optimizer(_MOVING)),
        ]

    def assign(self, flat: Tensor) -> None:
        """Assigns every variable its part of ``flat [P + Q]``, within the graph."""
        parts = tf.split(flat, _sizes(self._all)) if self._all else []
        for variable, part in zip(self._all, parts, strict=True):
            variable.assign(tf.reshape(part, variable.shape))

    def gradient(self, gradients: Sequence[Any], pulled: Tensor, share: Tensor, factor: Tensor = 1.0) -> Any:
        """Returns what to push, float32 ``[P + Q]``: this rank's share of the gradients and of the statistics' change.

        Args:
            gradients: of the trainable variables; None where the loss does not depend on one.
            pulled: the vector that was given to :meth:`assign`.
            share: this rank's part of the global batch, in [0, 1].
            factor: the factor on the owners' learning rates in this step, which must not slow the statistics down.
        """
        pairs = zip(gradients, self._trainable, strict=True)
        given = [None if id(variable) in self._frozen else one for one, variable in pairs]
        parts = [_flat(one, variable) for one, variable in zip(given, self._trainable, strict=True)]
        moving = sum(_sizes(self._moving))
        if moving:
            after = tf.concat([tf.reshape(variable, [-1]) for variable in self._moving], axis=0)
            parts.append((pulled[-moving:] - after) / factor)
        # The gradient of an empty share may be NaN (a mean over nothing); its share of 0 must make it 0.
        return tf.math.multiply_no_nan(tf.concat([tf.zeros([0]), *parts], axis=0), share)


def require_freezable(optimizer: Any, what: str) -> None:
    """Raises UsageError for an optimizer that changes parameters whose gradient is zero."""
    if "adagrad" in optimizer.kind or (optimizer.kind == "sgd" and not optimizer.momentum):
        return
    raise UsageError(
        f"{what}: not trainable, but {optimizer.kind} also changes parameters whose gradient is zero. Use AdaGrad or "
        "Sgd without momentum; layers of the tower may also be frozen before the first compile."
    )


def _sizes(variables: Sequence[Any]) -> list[int]:
    return [math.prod(variable.shape) for variable in variables]


def _flat(gradient: Tensor, variable: Any) -> Any:
    if gradient is None:
        return tf.zeros([math.prod(variable.shape)])
    return tf.reshape(tf.convert_to_tensor(gradient), [-1])
