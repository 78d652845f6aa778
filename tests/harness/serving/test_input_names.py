"""Every field gets an input that TensorFlow and Python accept, and no two get the same."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wideload.harness.serving.input_names import input_names


@pytest.mark.parametrize(
    ("fields", "inputs"),
    [
        (["age", "Price", "I1", "a__b_"], ["age", "Price", "I1", "a__b_"]),
        (["site.id", "a-b", "user id", "timestamp/age days"], ["site_id", "a_b", "user_id", "timestamp_age_days"]),
        (["1st-buy", "_x", "__tag", "class", "self"], ["arg_1st_buy", "arg__x", "arg___tag", "arg_class", "arg_self"]),
        (["c(a)", "price in €", "été"], ["c_a_", "price_in__", "arg__t_"]),
        (["age", "性别", "年龄", "_"], ["age", "arg_2", "arg_3", "arg_4"]),
        (["Price", "price", "PRICE"], ["Price", "price_2", "PRICE_3"]),
        (["site.id", "site_id", "site-id"], ["site_id_2", "site_id", "site_id_3"]),
        (["a", "A", "a_2"], ["a", "A_2", "a_2_2"]),
    ],
)
def test_what_is_possible_stays_and_the_rest_follows_rules(fields: list[str], inputs: list[str]) -> None:
    assert list(input_names(fields).items()) == list(zip(fields, inputs, strict=True))


@given(
    st.lists(st.text(min_size=1, max_size=6) | st.sampled_from(["a", "A", "a_2", "A_2", "arg_1", "self"]), unique=True)
)
def test_inputs_are_parameters_in_ascii_and_differ_in_more_than_case(fields: list[str]) -> None:
    found = input_names(fields)
    assert list(found) == fields
    assert all(name.isascii() and name.isidentifier() and name[0].isalpha() for name in found.values())
    assert not [name for name in found.values() if keyword.iskeyword(name) or name == "self"]
    assert len({name.casefold() for name in found.values()}) == len(fields)
