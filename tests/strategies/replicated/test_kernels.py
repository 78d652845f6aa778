"""The embedding bag: the reference follows its definition, the native kernel follows the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wideload.errors import UnavailableError
from wideload.harness.features.layout import SlotLayout, TableLayout
from wideload.harness.model.embedding_bag import reference_bag
from wideload.strategies.replicated import kernels
from wideload.strategies.replicated.kernels import find_kernels

COMBINERS = ("sum", "mean", "sqrtn")
BATCH = 5


def table(wide: int, dim: int) -> TableLayout:
    slots = tuple(SlotLayout(name, name, 9, 0) for name in COMBINERS)  # type: ignore[arg-type]
    return TableLayout("t", wide, dim, 0, slots)


KINDS = ("plain", "weighted", "single")


def inputs(width: int, kind: str) -> tuple[Any, ...]:
    """Bags of 0..3 values, or of one; the splits start above 0, as those of a second table do."""
    draw = np.random.default_rng(width)
    lengths = np.ones(len(COMBINERS) * BATCH, int) if kind == "single" else draw.integers(0, 4, len(COMBINERS) * BATCH)
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    inverse = draw.integers(0, 6, splits[-1]).astype(np.int32)
    weights = draw.random(splits[-1] if kind == "weighted" else 0).astype(np.float32)
    rows = draw.normal(size=(6, width)).astype(np.float32)
    numbers = draw.normal(size=(BATCH, 2)).astype(np.float32)
    return tuple(tf.constant(array) for array in (rows, inverse, splits + 3, weights, numbers))


def defined(layout: TableLayout, *given: Any) -> tuple[Any, Any]:
    """The definition, bag by bag."""
    rows, inverse, splits, weights, numbers = (tensor.numpy() for tensor in given)
    weights = weights if len(weights) else np.ones(len(inverse), np.float32)
    linear, deep = np.zeros(BATCH), np.zeros((BATCH, len(COMBINERS), layout.dim))
    for slot, combiner in enumerate(COMBINERS):
        for example in range(BATCH):
            bag = slot * BATCH + example
            inside = slice(splits[bag] - splits[0], splits[bag + 1] - splits[0])
            w, found = weights[inside], rows[inverse[inside]]
            linear[example] += (w[:, None] * found[:, : layout.wide]).sum()
            scale = {"sum": 1.0, "mean": w.sum(), "sqrtn": np.sqrt((w**2).sum())}[combiner]
            if len(w):
                deep[example, slot] = (w[:, None] * found[:, layout.wide :]).sum(axis=0) / scale
    return linear, np.concatenate([deep.reshape(BATCH, -1), numbers], axis=1)


@pytest.fixture(params=["tensorflow", "native"])
def bag(request: pytest.FixtureRequest) -> Any:
    try:
        return find_kernels(request.param).bag
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("wide", "dim"), [(1, 4), (0, 4), (1, 0), (1, 5)])
def test_a_bag_is_what_it_is_defined_to_be(bag: Any, wide: int, dim: int, kind: str) -> None:
    layout, given = table(wide, dim), inputs(wide + dim, kind)
    for found, expected in zip(bag(layout)(*given), defined(layout, *given), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_reference(bag: Any, kind: str) -> None:
    layout, (rows, *rest) = table(1, 4), inputs(5, kind)
    gradients = []
    for one in (bag, reference_bag):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            linear, deep = one(layout)(rows, *rest)
            target = tf.reduce_sum(linear**2) + tf.reduce_sum(deep**3)
        gradients.append(tf.convert_to_tensor(tape.gradient(target, rows)).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)


def test_without_examples_there_is_nothing(bag: Any) -> None:
    nothing = (tf.zeros([0, 5]), tf.zeros([0], tf.int32), tf.zeros([1], tf.int32), tf.zeros([0]), tf.zeros([0, 2]))
    linear, deep = bag(table(1, 4))(*nothing)
    assert (linear.shape, deep.shape) == ((0,), (0, 14))


def test_kernels_that_were_not_built_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="native module is not built"):
        find_kernels("native")
    assert find_kernels("auto").bag is reference_bag
