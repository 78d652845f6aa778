"""The Keras layer over a sparse table, against plain TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from wideload import hashing  # noqa: E402
from wideload.errors import ColumnError, UnknownNameError, UsageError  # noqa: E402
from wideload.harness.cluster import Cluster  # noqa: E402
from wideload.strategies.sparse_ps import EmbeddingFeatures, Optimizer, PsStrategy, category_column  # noqa: E402
from wideload.strategies.sparse_ps.keras.dense_vector import DenseVector  # noqa: E402

IDS = [[3, 5, 3], [7, -1, -1], [-1, -1, -1], [5, 7, -1]]
WEIGHTS = [[1.0, 2.0, 0.5], [3.0, 9.0, 9.0], [9.0, 9.0, 9.0], [0.25, 0.75, 9.0]]


def ragged(table: list[list[Any]], of: list[list[int]] = IDS) -> Any:
    rows = [
        [value for value, id_ in zip(row, ids, strict=True) if id_ != -1] for row, ids in zip(table, of, strict=True)
    ]
    return tf.ragged.constant(rows, dtype=tf.float32 if isinstance(table[0][0], float) else tf.int64)


def forms() -> dict[str, Mapping[str, Any]]:
    """The same batch, padded, ragged and sparse."""
    return {
        "padded": {"ids": tf.constant(IDS), "weights": tf.constant(WEIGHTS)},
        "ragged": {"ids": ragged(IDS), "weights": ragged(WEIGHTS)},
        "sparse": {"ids": ragged(IDS).to_sparse(), "weights": ragged(WEIGHTS).to_sparse()},
    }


def layer(*columns: Any, dimension: int = 2) -> EmbeddingFeatures:
    return EmbeddingFeatures(columns, dimension, name="deep")


def look_up(features: EmbeddingFeatures, inputs: Mapping[str, Any], table: Any) -> Any:
    """Combined vectors, with row ``i`` of ``table`` as that of the i-th distinct sign."""
    bags = features.bags(inputs)
    distinct, inverse = tf.unique(bags.signs)
    return features.combine(table[: len(distinct)], inverse, bags)


@pytest.mark.parametrize("form", ["padded", "ragged", "sparse"])
@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_weighted_bags_equal_a_plain_computation(form: str, combiner: Any) -> None:
    table = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    features = layer(category_column("ids", combiner=combiner, weights="weights"))
    with tf.GradientTape() as tape:
        rows = tf.constant(table)
        tape.watch(rows)
        found = look_up(features, forms()[form], rows)
        total = tf.reduce_sum(found * tf.constant([[1.0, 2.0]]))
    by_id = dict(zip([3, 5, 7], range(3), strict=True))
    expected, gradient = np.zeros((4, 2)), np.zeros((3, 2))
    for example, (ids, weights) in enumerate(zip(IDS, WEIGHTS, strict=True)):
        pairs = [(by_id[id_], weight) for id_, weight in zip(ids, weights, strict=True) if id_ != -1]
        scale = {"sum": 1.0, "mean": sum(w for _, w in pairs), "sqrtn": sum(w * w for _, w in pairs) ** 0.5}[combiner]
        for row, weight in pairs:
            expected[example] += table[row] * weight / scale
            gradient[row] += np.array([1.0, 2.0]) * weight / scale
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, rows), gradient, rtol=1e-6)


def test_the_vectors_of_columns_are_concatenated() -> None:
    features = layer(category_column("a"), category_column("b"))
    table = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = look_up(features, {"a": tf.constant([9, 8]), "b": tf.constant([["x"], [""]])}, table)
    np.testing.assert_array_equal(found, [[1, 2, 5, 6], [3, 4, 0, 0]])


def test_signs_are_those_of_the_harness() -> None:
    values = np.array([0, 1, -5, 2**62], np.int64)
    found = layer(category_column("colour")).signs({"colour": tf.constant(values)})
    np.testing.assert_array_equal(found, hashing.signs(hashing.salt_of("colour"), values))


def test_equal_values_of_two_columns_meet_only_when_shared() -> None:
    inputs = {"a": tf.constant(["x"]), "b": tf.constant(["x"])}
    first, second = layer(category_column("a"), category_column("b")).signs(inputs).numpy()
    assert first != second
    first, second = layer(category_column("a", shared="s"), category_column("b", shared="s")).signs(inputs).numpy()
    assert first == second


def test_distinct_strings_have_distinct_signs() -> None:
    names = [f"{value}" for value in range(10_000)]
    assert len(set(layer(category_column("a")).signs({"a": tf.constant(names)}).numpy())) == 10_000


def test_an_input_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"'colour'.*Valid: color"):
        layer(category_column("colour")).signs({"color": tf.constant([1])})


def test_numbers_are_no_categories() -> None:
    with pytest.raises(ColumnError, match="'price' is float32"):
        layer(category_column("price")).signs({"price": tf.constant([1.0])})


@pytest.mark.parametrize(
    ("columns", "dimension", "message"),
    [
        ([], 2, "no columns"),
        (["a", "a"], 2, "'a' twice"),
        (["a"], 0, "dimension 0"),
        (["c859215", "c037333"], 2, "would share rows"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(columns: list[str], dimension: int, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        layer(*map(category_column, columns), dimension=dimension)


def test_an_unknown_combiner_is_refused() -> None:
    with pytest.raises(ColumnError, match="'max' of column 'a' is not one of sum, mean, sqrtn"):
        category_column("a", combiner="max")  # type: ignore[arg-type]


def test_a_layer_without_a_table_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="put it into a Model"):
        layer(category_column("a")).call({"a": tf.constant([1])})


def test_the_optimizer_does_not_apply_gradients_itself() -> None:
    variable = tf.Variable(1.0)
    with pytest.raises(UsageError, match="applied by the parameter server"):
        Optimizer().update_step(tf.constant(1.0), variable)


def test_parts_of_a_batch_make_up_the_batch() -> None:
    batches = tf.data.Dataset.from_tensors(forms()["padded"] | {"r": ragged(IDS), "s": ragged(IDS).to_sparse()})
    strategy = PsStrategy()
    parts = []
    for rank in range(3):
        strategy.cluster = Cluster(rank, 3, None)
        parts += list(strategy.distribute(batches))
    assert [len(part["ids"]) for part in parts] == [2, 1, 1]
    np.testing.assert_array_equal(tf.concat([part["ids"] for part in parts], 0), IDS)
    assert tf.concat([part["r"] for part in parts], 0).to_list() == ragged(IDS).to_list()
    joined = tf.sparse.concat(0, [part["s"] for part in parts])
    np.testing.assert_array_equal(tf.sparse.to_dense(joined), tf.sparse.to_dense(ragged(IDS).to_sparse()))


def test_shards_of_a_data_set_take_turns() -> None:
    strategy = PsStrategy()
    strategy.cluster = Cluster(1, 3, None)
    assert list(strategy.shard(tf.data.Dataset.range(8)).as_numpy_iterator()) == [1, 4, 7]


def test_an_unknown_option_of_the_strategy_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'staleness'"):
        PsStrategy(mode="bounded", stalenes=1)


def test_public_names_load_no_tensorflow_before_they_are_used() -> None:
    code = "import sys, wideload.strategies.sparse_ps as ps; assert ps.__all__ and 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_factor_on_the_learning_rates_does_not_slow_the_statistics_down() -> None:
    """The owners apply it to what they are sent; SGD with learning rate 1 then moves the statistics all the way."""
    import tf_keras as keras

    tower = keras.Sequential([keras.Input([3]), keras.layers.BatchNormalization(momentum=0.5)])
    vector, begun = DenseVector(tower), 6
    pulled = tf.constant(vector.initial())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tower(tf.random.stateless_normal([8, 3], [1, 2]) + 4.0, training=True))
    gradients = tape.gradient(loss, vector.trainable)
    after = tf.concat([tf.reshape(variable, [-1]) for variable in tower.non_trainable_variables], 0)
    pushed = vector.gradient(gradients, pulled, share=1.0, factor=0.125)
    assert abs(after[0]) > 1.0
    np.testing.assert_allclose((pulled - 0.125 * pushed)[begun:], after, rtol=1e-6)
    np.testing.assert_allclose(pushed[:begun], tf.concat(gradients, 0), rtol=1e-6)


def weighted() -> EmbeddingFeatures:
    return layer(category_column("ids", weights="weights"))


def traced(features: EmbeddingFeatures, inputs: Mapping[str, Any]) -> Any:
    """Looks up within a graph whose inputs have unknown shapes, as those of many data sets do."""
    unknown = {
        name: tf.RaggedTensorSpec([None, None], each.dtype, ragged_rank=1)
        if isinstance(each, tf.RaggedTensor)
        else tf.SparseTensorSpec([None, None], each.dtype)
        if isinstance(each, tf.SparseTensor)
        else tf.TensorSpec([None] * each.shape.rank, each.dtype)
        for name, each in inputs.items()
    }
    function = tf.function(lambda given: tuple(features.bags(given)), input_signature=[unknown])
    return function(inputs)


@pytest.mark.parametrize("form", ["padded", "ragged", "sparse"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_weight_that_is_no_finite_number_is_refused_by_name(form: str, bad: float) -> None:
    wrong = [[bad, *row[1:]] for row in WEIGHTS]
    weights = {"padded": tf.constant(wrong), "ragged": ragged(wrong), "sparse": ragged(wrong).to_sparse()}[form]
    with pytest.raises(tf.errors.InvalidArgumentError, match="weights 'weights' of column 'ids' are not all finite"):
        traced(weighted(), forms()[form] | {"weights": weights})


def test_a_weight_of_padding_may_be_anything() -> None:
    wrong = np.where(np.array(IDS) == -1, np.nan, WEIGHTS).astype(np.float32)
    found = weighted().bags({"ids": tf.constant(IDS), "weights": tf.constant(wrong)})
    assert np.isfinite(found.weights).all()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"ids": tf.constant([True]), "weights": tf.constant([1.0])}, "input 'ids' is bool; a category is a string"),
        ({"ids": tf.ones([2, 3, 1], tf.int64), "weights": tf.ones([2, 3, 1])}, r"'ids' has shape \(2, 3, 1\)"),
        ({"ids": tf.constant(4), "weights": tf.constant(1.0)}, r"'ids' has shape \(\)"),
        (
            {"ids": tf.ragged.constant([[[1], [2, 3]]]), "weights": tf.ragged.constant([[1.0]])},
            r"'ids' has shape \(1, None, None\); expected \[batch, values\]",
        ),
        (
            {"ids": tf.ones([3, 2], tf.int64), "weights": tf.ones([2, 3])},
            r"weights 'weights' have shape \(2, 3\), values 'ids' of their column have shape \(3, 2\)",
        ),
        ({"ids": tf.ones([3, 2], tf.int64), "weights": tf.ones([6])}, r"shape \(6,\), .* shape \(3, 2\)"),
        ({"ids": tf.ones([3], tf.int64), "weights": tf.ones([3, 2])}, r"shape \(3, 2\), .* shape \(3,\)"),
        (
            {"ids": ragged(IDS), "weights": tf.constant(WEIGHTS)},
            "'weights' are a .*Tensor, values 'ids' of their column a RaggedTensor; give both in one form",
        ),
        ({"ids": tf.constant([1]), "weights": tf.constant(["1"])}, "weights 'weights' of column 'ids' are string"),
    ],
)
def test_inputs_of_another_type_or_shape_are_refused_with_both(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        weighted().bags(inputs)


@pytest.mark.parametrize(
    ("inputs", "differs"),
    [
        ({"ids": tf.ones([3, 2], tf.int64), "weights": tf.ones([2, 3])}, "shape"),
        ({"ids": ragged(IDS), "weights": tf.ragged.constant([[1.0], [2.0, 3.0, 4.0], [], [5.0, 6.0]])}, "row lengths"),
        ({"ids": ragged(IDS), "weights": tf.ragged.constant([[1.0, 2.0, 3.0]])}, "number of examples"),
        ({"ids": ragged(IDS).to_sparse(), "weights": tf.sparse.from_dense([[1.0]])}, "number of values"),
        (
            {
                "ids": tf.SparseTensor([[0, 0], [1, 0]], tf.constant([1, 2], tf.int64), [2, 2]),
                "weights": tf.SparseTensor([[0, 0], [0, 1]], [1.0, 2.0], [2, 2]),
            },
            "indices",
        ),
    ],
)
def test_shapes_that_a_step_brings_are_compared_there(inputs: dict[str, Any], differs: str) -> None:
    message = f"column ids: weights weights and values differ in {differs}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        traced(weighted(), inputs)


def test_a_column_of_one_value_takes_weights_with_or_without_an_axis() -> None:
    ids, weights = tf.constant([4, 5, 6]), tf.constant([1.0, 2.0, 3.0])
    for one in (ids, ids[:, None]):
        for other in (weights, weights[:, None]):
            np.testing.assert_array_equal(weighted().bags({"ids": one, "weights": other}).weights, [1, 2, 3])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.uint64])
def test_integers_of_any_width_are_the_same_categories(dtype: Any) -> None:
    column = layer(category_column("a"))
    expected = column.signs({"a": tf.constant([1, 100], tf.int64)})
    np.testing.assert_array_equal(column.signs({"a": tf.constant(np.array([1, 100], dtype))}), expected)
