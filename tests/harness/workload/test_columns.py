"""The error for a mistake in a declaration says where it is and what was probably meant."""

from typing import Any

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.workload.columns import Columns
from wideload.options import validate


def load(**column: Any) -> Columns:
    return validate(Columns, {"column": [column]}, "x.toml")


def test_an_unknown_key_of_a_column_names_that_columns_keys() -> None:
    with pytest.raises(UnknownNameError, match=r"'clipp'. Did you mean 'clip'") as caught:
        load(kind="numeric", name="a", clipp=[0, 1])
    assert "boundaries" not in caught.value.valid


def test_an_unknown_key_of_an_encoder_names_that_encoders_keys() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'buckets'"):
        load(kind="category", name="a", encoder={"kind": "hash", "bucket": 3})


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ({"kind": "categry", "name": "a"}, "category"),
        ({"kind": "category", "name": "a", "encoder": {"kind": "vocab"}}, "vocabulary"),
    ],
)
def test_an_unknown_kind_names_the_nearest(column: dict[str, Any], meant: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"kind of x.toml: column.0.*Did you mean '{meant}'"):
        load(**column)


def test_a_value_of_the_wrong_type_is_shown_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"column.0.bucketised.boundaries.0.*given: 'low'"):
        load(kind="bucketised", name="a", boundaries=["low"])
