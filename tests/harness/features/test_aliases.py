import random
from itertools import combinations
from typing import Any

import pytest

from wideload.errors import ColumnError
from wideload.harness.features.aliases import aliases, bits_of, refuse_aliases
from wideload.harness.workload.columns import Category, Embedding, Hash
from wideload.hashing import mix64_int, salt_of

LIKE = ("c859215", "c037333")  # found among a million names: their keys agree above the lowest 26 bits


def test_the_two_names_do_share_keys() -> None:
    first, second = (mix64_int(salt_of(name)) for name in LIKE)
    apart = first ^ second
    assert apart < 2**26
    assert mix64_int(first ^ 5) == mix64_int(second ^ (5 ^ apart))


def test_names_that_share_keys_are_refused_where_their_values_reach_them() -> None:
    refuse_aliases(dict.fromkeys(LIKE, 2**25))
    refuse_aliases({"a": 2**40, **dict.fromkeys(LIKE, 2**25)})
    for rows in (2**26, 2**25 + 1):
        with pytest.raises(ColumnError, match=r"would share rows.*Rename one"):
            refuse_aliases({"a": 10, LIKE[0]: 3, "b": None, LIKE[1]: rows})


def test_hashes_and_spaces_without_values_alias_nothing() -> None:
    refuse_aliases(dict.fromkeys(LIKE))
    refuse_aliases(dict.fromkeys(LIKE, 0))
    refuse_aliases({})


def test_columns_of_a_model_are_checked(adapter: Any) -> None:
    columns = [
        Category(name=name, field="colour", encoder=Hash(buckets=2**26), embedding=Embedding(dimension=2))
        for name in LIKE
    ]
    with pytest.raises(ColumnError, match="would share rows"):
        adapter(*columns, keys="signs")


@pytest.mark.parametrize("seed", range(300))
def test_what_is_found_is_what_pairs_say(seed: int) -> None:
    rng = random.Random(seed)
    places = {
        f"s{i}": (rng.getrandbits(rng.choice([6, 10, 14])) << 2, bits_of(rng.choice([1, 2, 9, 33]))) for i in range(6)
    }
    expected = any((a ^ b) < 2 ** max(wide, other) for (a, wide), (b, other) in combinations(places.values(), 2))
    assert bool(list(aliases(places))) == expected


def test_the_number_of_bits_is_that_of_the_largest_value() -> None:
    assert [bits_of(rows) for rows in (0, 1, 2, 3, 4, 5, None)] == [0, 0, 1, 2, 2, 3, 0]
