"""Each optimizer next to TensorFlow's own kernel or Keras' class: 1,000 random steps, element by element, to 1e-6."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import numpy.typing as npt
import pytest

from wideload import SparseTable, _native
from wideload.arrays import Floats

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

STEPS = 1000
ROWS = 12
DIMENSION = 9  # not one of the specialised dimensions; test_dimensions covers those
SIGNS = np.arange(ROWS, dtype=np.int64) * 7919 - 3

Rule = Callable[[int, Floats, Floats], None]


def table_of(optimizer: _native.Optimizer, dimension: int = DIMENSION) -> SparseTable:
    return SparseTable("t", [_native.Slice("s", dimension, optimizer=optimizer)], seed=3)


def gradients(step: int, rows: int, dimension: int = DIMENSION) -> Floats:
    random = np.random.default_rng(step)
    scale = random.choice([0.01, 1.0, 3.0])
    return (random.standard_normal((rows, dimension)) * scale).astype(np.float32)


def touched(step: int) -> npt.NDArray[np.int64]:
    """Rows of one sparse step: some, in any order, each once."""
    random = np.random.default_rng(10_000 + step)
    return random.permutation(ROWS)[: random.integers(1, ROWS + 1)]


def assert_follows(optimizer: _native.Optimizer, apply: Rule, weights: tf.Variable) -> None:
    """Runs both; ``apply`` updates ``weights`` sparsely by TensorFlow's own means."""
    table = table_of(optimizer)
    weights.assign(table.pull(SIGNS))
    for step in range(STEPS):
        rows = touched(step)
        gradient = gradients(step, len(rows))
        table.push(SIGNS[rows], gradient, step=step)
        apply(step, rows, gradient)
    np.testing.assert_allclose(table.pull(SIGNS), weights.numpy(), rtol=1e-6, atol=1e-6)


def variable(value: float = 0.0) -> tf.Variable:
    return tf.Variable(tf.fill([ROWS, DIMENSION], tf.constant(value, tf.float32)))


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.5, 0.0), (0.1, 0.2)])
def test_ftrl_is_resource_sparse_apply_ftrl(l1: float, l2: float) -> None:
    weights, accumulator, linear = variable(), variable(0.1), variable()

    def apply(step: int, rows: Floats, gradient: Floats) -> None:
        tf.raw_ops.ResourceSparseApplyFtrl(
            var=weights.handle, accum=accumulator.handle, linear=linear.handle, grad=gradient, indices=rows,
            lr=0.05, l1=l1, l2=l2, lr_power=-0.5,
        )  # fmt: skip

    assert_follows(_native.Ftrl(learning_rate=0.05, l1=l1, l2=l2), apply, weights)


def test_adagrad_is_resource_sparse_apply_adagrad_v2() -> None:
    weights, accumulator = variable(), variable(0.1)

    def apply(step: int, rows: Floats, gradient: Floats) -> None:
        tf.raw_ops.ResourceSparseApplyAdagradV2(
            var=weights.handle, accum=accumulator.handle, lr=0.05, epsilon=1e-7, grad=gradient, indices=rows
        )

    assert_follows(_native.AdaGrad(learning_rate=0.05), apply, weights)


def test_momentum_is_resource_sparse_apply_momentum() -> None:
    weights, momentum = variable(), variable()

    def apply(step: int, rows: Floats, gradient: Floats) -> None:
        tf.raw_ops.ResourceSparseApplyMomentum(
            var=weights.handle, accum=momentum.handle, lr=0.01, momentum=0.9, grad=gradient, indices=rows
        )

    assert_follows(_native.Sgd(learning_rate=0.01, momentum=0.9), apply, weights)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (_native.Sgd(learning_rate=0.01), lambda: tf_keras.optimizers.SGD(0.01)),
        (_native.Adam(learning_rate=0.01), lambda: tf_keras.optimizers.Adam(0.01)),
        (_native.Adam(beta_1=0.5, beta_2=0.9), lambda: tf_keras.optimizers.Adam(0.001, beta_1=0.5, beta_2=0.9)),
        (
            _native.AdaGrad(learning_rate=0.1, initial_accumulator=0.5),
            lambda: tf_keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.5),
        ),
    ],
    ids=["sgd", "adam", "adam-other-betas", "adagrad"],
)
def test_keras_agrees_where_every_row_is_touched(ours: _native.Optimizer, theirs: Callable[[], object]) -> None:
    """Keras counts steps and decays moments for all rows; that is the same when all rows are in each step."""
    table = table_of(ours)
    weights = tf.Variable(table.pull(SIGNS))
    keras = theirs()
    keras.build([weights])
    for step in range(STEPS):
        gradient = gradients(step, ROWS)
        table.push(SIGNS, gradient, step=step)
        keras.update_step(tf.constant(gradient), weights)
        keras.iterations.assign_add(1)
    np.testing.assert_allclose(table.pull(SIGNS), weights.numpy(), rtol=1e-6, atol=1e-6)


def test_lazy_adam_is_adam_on_each_rows_own_steps() -> None:
    """Row r under its own Keras Adam, which sees only the steps that touch r."""
    table = table_of(_native.Adam(learning_rate=0.01))
    weights = [tf.Variable(row) for row in table.pull(SIGNS)]
    keras = [tf_keras.optimizers.Adam(0.01) for _ in weights]
    for rule, weight in zip(keras, weights, strict=True):
        rule.build([weight])
    for step in range(200):
        rows = touched(step)
        gradient = gradients(step, len(rows))
        table.push(SIGNS[rows], gradient, step=step)
        for row, g in zip(rows, gradient, strict=True):
            keras[row].update_step(tf.constant(g), weights[row])
            keras[row].iterations.assign_add(1)
    np.testing.assert_allclose(table.pull(SIGNS), np.stack([w.numpy() for w in weights]), rtol=1e-6, atol=1e-6)


def test_row_wise_adagrad_shares_one_accumulator_a_row() -> None:
    table = table_of(_native.RowWiseAdaGrad(learning_rate=0.05))
    weights = table.pull(SIGNS).astype(np.float64)
    accumulator = np.full(ROWS, 0.1)
    for step in range(STEPS):
        gradient = gradients(step, ROWS)
        table.push(SIGNS, gradient, step=step)
        wide = gradient.astype(np.float64)
        accumulator += (wide**2).mean(axis=1)
        weights -= 0.05 * wide / (np.sqrt(accumulator)[:, None] + 1e-7)
    np.testing.assert_allclose(table.pull(SIGNS), weights, rtol=1e-5, atol=2e-6)
    assert table.row_floats == DIMENSION + 1


@pytest.mark.parametrize("dimension", [1, 4, 8, 16, 32, 64])
@pytest.mark.parametrize(
    "optimizer",
    [_native.Ftrl(l1=0.01), _native.AdaGrad(), _native.RowWiseAdaGrad(), _native.Adam(), _native.Sgd(momentum=0.5)],
    ids=lambda optimizer: optimizer.kind,
)
def test_a_specialised_dimension_computes_what_the_general_loop_does(
    optimizer: _native.Optimizer, dimension: int
) -> None:
    """A slice of d + 1 takes the general loop; its first d elements must be those of a slice of d."""
    special, general = table_of(optimizer, dimension), table_of(optimizer, dimension + 1)
    row_wise = optimizer.kind == "row_wise_adagrad"
    for step in range(30):
        gradient = gradients(step, ROWS, dimension)
        padded = np.pad(gradient, ((0, 0), (0, 1)))
        special.push(SIGNS, gradient * np.float32(np.sqrt(dimension / (dimension + 1))) if row_wise else gradient)
        general.push(SIGNS, padded)
    tolerance = 0.1 if row_wise else 0.0
    np.testing.assert_allclose(special.pull(SIGNS), general.pull(SIGNS)[:, :dimension], rtol=tolerance, atol=tolerance)


def test_the_learning_rate_scale_multiplies_every_rate() -> None:
    scaled, slow = table_of(_native.AdaGrad(learning_rate=0.1)), table_of(_native.AdaGrad(learning_rate=0.05))
    scaled.learning_rate_scale = 0.5
    gradient = gradients(0, ROWS)
    scaled.push(SIGNS, gradient)
    slow.push(SIGNS, gradient)
    np.testing.assert_array_equal(scaled.pull(SIGNS), slow.pull(SIGNS))
