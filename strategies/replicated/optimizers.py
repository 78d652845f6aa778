"""TensorFlow's fused optimizer kernels behind one interface, for dense vectors and for the touched rows of a table.

The docstrings of :mod:`wideload.harness.workload.optimizers` state the formulas. Optimizer state is stored in variables
of its own. ``apply_rows`` expects distinct row ids and does not change other rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import tensorflow as tf

from wideload.harness import workload as declared
from wideload.harness.model.tensors import Tensor


class Optimizer(ABC):
    """The optimizer of one variable.

    Args:
        weights: a float32 variable, ``[P]`` or ``[rows, dim]``.

    Attributes:
        state: variables by name, in the order they are saved.
    """

    def __init__(self, weights: Any) -> None:
        self.weights = weights
        self.state: dict[str, Any] = {}

    def _slot(self, name: str, value: float, shape: Any = None) -> None:
        initial = tf.fill(self.weights.shape if shape is None else shape, value)
        self.state[name] = tf.Variable(initial, trainable=False, dtype=tf.float32)

    def read(self) -> Any:
        """Reads the current weights."""
        return tf.raw_ops.ReadVariableOp(resource=self.weights.handle, dtype=tf.float32)

    @abstractmethod
    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        """Updates all weights by a dense gradient of their shape; returns the op.

        ``scale`` is a factor on the learning rate: a float, or a float32 scalar.
        """

    @abstractmethod
    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        """Updates rows ``ids [n]`` int64, distinct, by ``gradients [n, dim]``; returns the op."""


def make_optimizer(declaration: declared.Optimizer, weights: Any) -> Optimizer:
    """Creates the optimizer that a workload declares, for one variable."""
    makers: dict[type, Any] = {
        declared.Ftrl: FtrlOptimizer,
        declared.AdaGrad: AdaGradOptimizer,
        declared.Adam: AdamOptimizer,
        declared.Sgd: SgdOptimizer,
    }
    made: Optimizer = makers[type(declaration)](declaration, weights)
    return made


class FtrlOptimizer(Optimizer):
    def __init__(self, declaration: declared.Ftrl, weights: Any) -> None:
        super().__init__(weights)
        self._slot("accumulator", declaration.initial_accumulator)
        self._slot("linear", 0.0)
        self._rate = declaration.learning_rate
        self._rates = {
            "l1": declaration.l1,
            "l2": declaration.l2,
            "lr_power": -0.5,
        }

    def _handles(self) -> dict[str, Any]:
        return {
            "var": self.weights.handle,
            "accum": self.state["accumulator"].handle,
            "linear": self.state["linear"].handle,
        }

    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        return tf.raw_ops.ResourceApplyFtrl(**self._handles(), grad=gradient, lr=self._rate * scale, **self._rates)

    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        return tf.raw_ops.ResourceSparseApplyFtrl(
            **self._handles(), grad=gradients, indices=ids, lr=self._rate * scale, **self._rates
        )


class AdaGradOptimizer(Optimizer):
    def __init__(self, declaration: declared.AdaGrad, weights: Any) -> None:
        super().__init__(weights)
        self._slot("accumulator", declaration.initial_accumulator)
        self._rate = declaration.learning_rate
        self._rates = {"epsilon": declaration.epsilon}

    def _handles(self) -> dict[str, Any]:
        return {"var": self.weights.handle, "accum": self.state["accumulator"].handle}

    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        return tf.raw_ops.ResourceApplyAdagradV2(**self._handles(), grad=gradient, lr=self._rate * scale, **self._rates)

    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        return tf.raw_ops.ResourceSparseApplyAdagradV2(
            **self._handles(), grad=gradients, indices=ids, lr=self._rate * scale, **self._rates
        )


class SgdOptimizer(Optimizer):
    def __init__(self, declaration: declared.Sgd, weights: Any) -> None:
        super().__init__(weights)
        self._rate = declaration.learning_rate
        self._momentum = declaration.momentum
        if self._momentum:
            self._slot("momentum", 0.0)

    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        if not self._momentum:
            rate = self._rate * scale
            return tf.raw_ops.ResourceApplyGradientDescent(var=self.weights.handle, alpha=rate, delta=gradient)
        return tf.raw_ops.ResourceApplyMomentum(grad=gradient, lr=self._rate * scale, **self._handles())

    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        if not self._momentum:
            step = -self._rate * scale * gradients
            return tf.raw_ops.ResourceScatterAdd(resource=self.weights.handle, indices=ids, updates=step)
        rate = self._rate * scale
        return tf.raw_ops.ResourceSparseApplyMomentum(grad=gradients, indices=ids, lr=rate, **self._handles())

    def _handles(self) -> dict[str, Any]:
        accumulator = self.state["momentum"].handle
        return {"var": self.weights.handle, "accum": accumulator, "momentum": self._momentum}


class AdamOptimizer(Optimizer):
    """A dense vector has one count of updates; each row of a table has its own."""

    def __init__(self, declaration: declared.Adam, weights: Any) -> None:
        super().__init__(weights)
        self._declared = declaration
        self._slot("m", 0.0)
        self._slot("v", 0.0)
        self._slot("updates", 0.0, shape=[weights.shape[0], 1] if len(weights.shape) > 1 else [])

    def apply(self, gradient: Tensor, scale: Tensor = 1.0) -> Any:
        adam = self._declared
        updates = tf.raw_ops.ReadVariableOp(resource=self.state["updates"].handle, dtype=tf.float32) + 1.0
        applied = tf.raw_ops.ResourceApplyAdam(
            var=self.weights.handle,
            m=self.state["m"].handle,
            v=self.state["v"].handle,
            beta1_power=tf.pow(adam.beta_1, updates),
            beta2_power=tf.pow(adam.beta_2, updates),
            lr=adam.learning_rate * scale,
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=gradient,
        )
        counted = tf.raw_ops.AssignVariableOp(resource=self.state["updates"].handle, value=updates)
        return tf.group(applied, counted)

    def apply_rows(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        adam = self._declared
        old = {
            name: tf.raw_ops.ResourceGather(resource=slot.handle, indices=ids, dtype=tf.float32)
            for name, slot in self.state.items()
        }
        updates = old["updates"] + 1.0
        m = old["m"] + (gradients - old["m"]) * (1.0 - adam.beta_1)
        v = old["v"] + (gradients * gradients - old["v"]) * (1.0 - adam.beta_2)
        correction = tf.sqrt(1.0 - tf.pow(adam.beta_2, updates)) / (1.0 - tf.pow(adam.beta_1, updates))
        change = m * (adam.learning_rate * scale * correction) / (tf.sqrt(v) + adam.epsilon)
        with tf.control_dependencies(list(old.values())):
            scattered = [
                tf.raw_ops.ResourceScatterUpdate(resource=self.state[name].handle, indices=ids, updates=value)
                for name, value in (("m", m), ("v", v), ("updates", updates))
            ]
            moved = tf.raw_ops.ResourceScatterSub(resource=self.weights.handle, indices=ids, updates=change)
        return tf.group(*scattered, moved)
