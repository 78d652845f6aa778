import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from wideload.datasets.contract import Schema
from wideload.errors import ColumnError
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch
from wideload.harness.workload.columns import Columns, Numeric

Compiled = Callable[..., Batch]


def dense(compiled: Compiled, *prices: Any, **options: Any) -> list[list[float]]:
    batch = compiled([Numeric(name="price", **options)], [{"price": price} for price in prices])
    made: list[list[float]] = batch.dense.tolist()
    return made


def test_numbers_are_standardised_by_the_schema(compiled: Compiled) -> None:
    assert dense(compiled, 10.0, 14.0) == [[0.0], [2.0]]


def test_a_mean_in_the_declaration_replaces_that_of_the_schema(compiled: Compiled) -> None:
    assert dense(compiled, 14.0, mean=4.0, std=5.0) == [[2.0]]


def test_the_logarithm_keeps_the_sign(compiled: Compiled) -> None:
    made = dense(compiled, 7.0, -7.0, transform="log1p")
    assert made == [[pytest.approx(math.log(8.0))], [pytest.approx(-math.log(8.0))]]


def test_numbers_are_clipped_before_the_transform(compiled: Compiled) -> None:
    assert dense(compiled, -5.0, 500.0, transform="none", clip=(0.0, 100.0)) == [[0.0], [100.0]]


def test_a_missing_number_becomes_the_mean(compiled: Compiled) -> None:
    assert dense(compiled, None, float("nan")) == [[0.0], [0.0]]
    assert dense(compiled, None, transform="none") == [[10.0]]
    assert dense(compiled, None, transform="log1p") == [[pytest.approx(math.log(11.0))]]


def test_the_indicator_is_one_for_missing_numbers(compiled: Compiled) -> None:
    assert dense(compiled, None, 12.0, missing_indicator=True) == [[0.0, 1.0], [1.0, 0.0]]


def test_a_batch_without_rows_has_its_width(compiled: Compiled) -> None:
    assert compiled([Numeric(name="price", missing_indicator=True)], []).dense.shape == (0, 2)


def test_a_logarithm_is_standardised_by_its_own_moments(compiled: Compiled) -> None:
    given = {"transform": "log1p_standardise", "mean": math.log(8.0), "std": 2.0}
    assert dense(compiled, 7.0, **given) == [[pytest.approx(0.0, abs=1e-6)]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transform": "log1p_standardise"}, "needs mean and std"),
        ({"clip": (3.0, 1.0)}, "lower < upper"),
        ({"field": "shop"}, "'price' needs a numeric field, but 'shop' is categorical"),
        ({"field": "prise"}, "Did you mean 'price'"),
    ],
)
def test_a_wrong_declaration_names_the_column(adapter: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        adapter(Numeric(name="price", **options))


def test_a_field_that_holds_no_numbers_is_named(schema: Schema) -> None:
    made = FeatureColumnAdapter(Columns(auto=False, column=(Numeric(name="price"),)), schema, "ids")
    batch = pa.record_batch({"label": pa.array([1.0]), "price": pa.array(["dear"])})
    with pytest.raises(ColumnError, match=r"column 'price'.*must hold numbers, it holds string"):
        made.transform(batch, global_size=1)
