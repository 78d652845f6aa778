"""The tower is a function of the global batch, however the batch is divided among ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.harness.features.layout import BatchLayout, SlotLayout, TableLayout
from wideload.harness.model.tower import DenseTower, Pass
from wideload.harness.workload.model import Model

LAYOUT = BatchLayout((TableLayout("deep4", 0, 4, 0, (SlotLayout("a", "sum", 9, 0),)),), dense_width=2)


def tower(layout: BatchLayout = LAYOUT, **options: Any) -> DenseTower:
    return DenseTower(Model(hidden_units=(6, 3), **options), layout)


def run(first: int = 0, across: Any = None, step: int = 0) -> Pass:
    return Pass(11, tf.constant(step, tf.int64), tf.constant(first, tf.int64), across)


@pytest.fixture
def batch() -> Any:
    """Ten examples: four floats of embeddings, two numbers."""
    return tf.constant(np.random.default_rng(0).normal(size=(10, 6)), tf.float32)


def test_the_flat_vector_is_kernels_and_biases_in_order(batch: Any) -> None:
    made = tower()
    flat = made.initial(1)
    assert made.size == len(flat) == 6 * 6 + 6 + 6 * 3 + 3 + 3 + 1
    hidden = batch.numpy()
    for begin, inputs, outputs in ((0, 6, 6), (42, 6, 3), (63, 3, 1)):
        kernel = flat[begin : begin + inputs * outputs].reshape(inputs, outputs)
        hidden = hidden @ kernel
        hidden = np.maximum(hidden, 0) if outputs > 1 else hidden
    logits, _ = made.train(tf.constant(flat), batch, run())
    np.testing.assert_allclose(logits.numpy(), hidden[:, 0], rtol=1e-5, atol=1e-6)


def test_weights_start_inside_the_glorot_limits_and_biases_at_zero() -> None:
    flat = tower().initial(1)
    kernel, bias = flat[:36], flat[36:42]
    assert np.abs(kernel).max() <= np.sqrt(6 / 12)
    assert kernel.std() == pytest.approx(np.sqrt(6 / 12 / 3), rel=0.3)
    assert not bias.any()


def test_weights_are_a_function_of_the_seed() -> None:
    assert tower().initial(1).tolist() == tower().initial(1).tolist() != tower().initial(2).tolist()


def test_a_tower_without_inputs_is_one_bias() -> None:
    made = tower(BatchLayout((), 0))
    logits, _ = made.train(tf.constant([0.0] * (made.size - 1) + [0.5]), tf.zeros([3, 0]), run())
    assert logits.numpy().tolist() == [0.5] * 3


def test_a_bias_that_normalisation_cancels_is_not_trained(batch: Any) -> None:
    """Its gradient is zero but for rounding errors, which Adam would turn into steps of the full learning rate."""
    made = tower(batch_norm=True)
    flat = tf.Variable(made.initial(1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made.train(flat, batch, run())[0] ** 2)
    gradient = tf.convert_to_tensor(tape.gradient(loss, flat)).numpy()
    kernel, bias = gradient[:36], gradient[36:42]
    assert kernel.any()
    assert not bias.any()


def test_dropout_is_the_same_for_a_share_as_for_the_whole(batch: Any) -> None:
    made = tower(dropout=0.5)
    flat = tf.constant(made.initial(1))
    whole, _ = made.train(flat, batch, run())
    share, _ = made.train(flat, batch[7:], run(first=7))
    assert share.numpy() == pytest.approx(whole.numpy()[7:], rel=1e-6)


def test_dropout_changes_from_step_to_step_and_is_off_in_prediction(batch: Any) -> None:
    made = tower(dropout=0.5)
    flat = tf.constant(made.initial(1))
    one, two = (made.train(flat, batch, run(step=step))[0].numpy().tolist() for step in (0, 1))
    assert one != two
    plain = tower().train(flat, batch, run())[0].numpy()
    assert made.predict(flat, tf.zeros([0]), batch).numpy() == pytest.approx(plain, rel=1e-6)


def test_dropout_keeps_the_expected_value() -> None:
    made = DenseTower(Model(hidden_units=(2000,), dropout=0.25), BatchLayout((), 1))
    flat = np.zeros(made.size, np.float32)
    flat[:2000] = 1.0
    flat[4000:6000] = 1 / 2000
    logits, _ = made.train(tf.constant(flat), tf.ones([8, 1]), run())
    assert logits.numpy() == pytest.approx(np.ones(8), abs=0.1)
    assert len(set(logits.numpy().tolist())) > 1


def test_normalisation_is_over_the_global_batch(batch: Any) -> None:
    """Two ranks in lockstep, simulated one after the other until their sums agree."""
    made = tower(batch_norm=True)
    flat = tf.constant(made.initial(1))
    whole, moments = made.train(flat, batch, run())
    shares = [batch[:4], batch[4:]]
    known: list[Any] = []
    for layer in range(2):
        sums: list[Any] = []
        for share in shares:
            seen: list[Any] = []

            def across(vector: Any, seen: list[Any] = seen) -> Any:
                seen.append(vector)
                return known[len(seen) - 1] if len(seen) <= len(known) else vector

            made.train(flat, share, run(across=across))
            sums.append(seen[layer])
        known.append(tf.add_n(sums))
    calls = iter(known)
    second, theirs = made.train(flat, shares[1], run(across=lambda _: next(calls)))
    np.testing.assert_allclose(second.numpy(), whole.numpy()[4:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(theirs.numpy(), moments.numpy(), rtol=1e-4, atol=1e-5)


def test_running_statistics_approach_the_moments(batch: Any) -> None:
    made = tower(batch_norm=True, batch_norm_momentum=0.75)
    assert made.initial_statistics().tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 3 + [1.0] * 3
    blended = made.blend(tf.constant([0.0, 1.0]), tf.constant([4.0, 5.0]))
    assert blended.numpy().tolist() == [1.0, 2.0]


def test_the_penalty_is_on_kernels_alone() -> None:
    made = tower(dense_l1=0.5, dense_l2=2.0)
    flat = np.zeros(made.size, np.float32)
    flat[36:42] = 100.0
    assert made.penalty(tf.constant(flat)).numpy() == 0.0
    flat[0] = -3.0
    assert made.penalty(tf.constant(flat)).numpy() == pytest.approx(0.5 * 3 + 9.0)
