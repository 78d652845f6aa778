"""TensorFlow's fused kernels compute the declared formulas, on dense vectors and on touched rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.harness.workload.optimizers import AdaGrad, Adam, Ftrl, Sgd
from wideload.strategies.replicated.optimizers import make_optimizer

DECLARED = [
    Ftrl(learning_rate=0.1, l1=0.01, l2=0.02),
    AdaGrad(learning_rate=0.1),
    Adam(learning_rate=0.1),
    Sgd(learning_rate=0.1),
    Sgd(learning_rate=0.1, momentum=0.9),
]


class Formula:
    """The docstrings of the declarations, in NumPy."""

    def __init__(self, declared: Any, shape: tuple[int, ...]) -> None:
        self.declared = declared
        self.a = np.full(shape, getattr(declared, "initial_accumulator", 0.0))
        self.b = np.zeros(shape)
        self.steps = 0

    def move(self, w: Any, g: Any, scale: float = 1.0) -> Any:
        self.steps += 1
        scaled = self.declared.model_copy(update={"learning_rate": scale * self.declared.learning_rate})
        return getattr(self, self.declared.kind)(w, g, scaled)

    def ftrl(self, w: Any, g: Any, o: Ftrl) -> Any:
        after = self.a + g**2
        self.b += g - (np.sqrt(after) - np.sqrt(self.a)) / o.learning_rate * w
        self.a = after
        return -(self.b - np.clip(self.b, -o.l1, o.l1)) / (np.sqrt(after) / o.learning_rate + 2 * o.l2)

    def adagrad(self, w: Any, g: Any, o: AdaGrad) -> Any:
        self.a += g**2
        return w - o.learning_rate * g / (np.sqrt(self.a) + o.epsilon)

    def adam(self, w: Any, g: Any, o: Adam) -> Any:
        self.a += (1 - o.beta_1) * (g - self.a)
        self.b += (1 - o.beta_2) * (g**2 - self.b)
        correction = np.sqrt(1 - o.beta_2**self.steps) / (1 - o.beta_1**self.steps)
        return w - o.learning_rate * correction * self.a / (np.sqrt(self.b) + o.epsilon)

    def sgd(self, w: Any, g: Any, o: Sgd) -> Any:
        self.a = o.momentum * self.a + g
        return w - o.learning_rate * self.a


@pytest.fixture(params=DECLARED, ids=str)
def declared(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_dense_vectors_follow_the_formula(declared: Any) -> None:
    draw = np.random.default_rng(0)
    weights = draw.normal(size=9)
    variable = tf.Variable(weights, dtype=tf.float32)
    optimizer, formula = make_optimizer(declared, variable), Formula(declared, weights.shape)
    for scale in (1.0, 1.0, 0.5, 0.25, 0.25):
        gradient = draw.normal(size=9)
        weights = formula.move(weights, gradient, scale)
        optimizer.apply(tf.constant(gradient, tf.float32), tf.constant(scale))
    np.testing.assert_allclose(variable.numpy(), weights, rtol=2e-5, atol=1e-6)


def test_touched_rows_follow_the_formula_and_others_stay(declared: Any) -> None:
    draw = np.random.default_rng(1)
    weights = draw.normal(size=(4, 3))
    variable = tf.Variable(weights, dtype=tf.float32)
    optimizer = make_optimizer(declared, variable)
    formulas = [Formula(declared, (3,)) for _ in weights]
    for touched, scale in (([0, 2], 1.0), ([2], 0.5), ([3, 0], 0.25), ([], 1.0)):
        gradients = draw.normal(size=(len(touched), 3))
        for row, gradient in zip(touched, gradients, strict=True):
            weights[row] = formulas[row].move(weights[row], gradient, scale)
        optimizer.apply_rows(tf.constant(touched, tf.int64), tf.constant(gradients, tf.float32), tf.constant(scale))
    np.testing.assert_allclose(variable.numpy(), weights, rtol=2e-5, atol=1e-6)


def test_the_sparse_table_computes_the_same(declared: Any) -> None:
    native = pytest.importorskip("wideload._native", reason="the native module is not built")
    given = declared.model_dump(exclude={"kind"})
    maker = {"ftrl": native.Ftrl, "adagrad": native.AdaGrad, "adam": native.Adam, "sgd": native.Sgd}[declared.kind]
    table = native.SparseTable("t", [native.Slice("deep", 3, optimizer=maker(**given))], seed=1)
    signs, draw = np.arange(4), np.random.default_rng(2)
    variable = tf.Variable(table.pull(signs, step=0))
    optimizer = make_optimizer(declared, variable)
    for step, scale in enumerate((1.0, 1.0, 0.5, 0.25, 0.25), start=1):
        gradients = draw.normal(size=(4, 3)).astype(np.float32)
        table.learning_rate_scale = scale
        table.push(signs, gradients, step=step)
        optimizer.apply_rows(tf.constant(signs), tf.constant(gradients), scale)
    np.testing.assert_allclose(variable.numpy(), table.pull(signs, step=6), rtol=1e-5, atol=1e-6)
