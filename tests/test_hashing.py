import numpy as np
import pyarrow as pa
import pytest

from wideload import hashing

_native = pytest.importorskip("wideload._native", reason="the native module is not built")


def test_signs_are_those_of_the_sparse_table() -> None:
    values = np.array([0, 1, -1, 2**63 - 1, -(2**63)], np.int64)
    salt = hashing.salt_of("slot")
    native = _native.sign_hash(np.array(salt, np.uint64).view(np.int64).item(), values)
    assert hashing.signs(salt, values).tolist() == native.tolist()


@pytest.mark.parametrize("name", ["", "a", "wide8", "größe"])
def test_salts_are_those_of_the_sparse_table(name: str) -> None:
    assert hashing.salt_of(name) == _native.salt_of(name) % 2**64


def test_one_integer_and_an_array_are_mixed_alike() -> None:
    words = np.array([0, 1, 2**64 - 1], np.uint64)
    assert hashing.mix64(words).tolist() == [hashing.mix64_int(int(word)) for word in words]


@pytest.mark.parametrize("order", ["C", "F"])
def test_every_word_of_a_large_array_is_mixed(order: str) -> None:
    words = np.arange(3 * 20_001, dtype=np.uint64).reshape(3, -1)
    mixed = hashing.mix64(np.asarray(words, order=order))  # type: ignore[call-overload]
    assert words[2, -1] == 60_002
    places = [(0, 0), (0, 16_384), (1, 7), (2, 20_000)]
    assert [int(mixed[place]) for place in places] == [hashing.mix64_int(int(words[place])) for place in places]


def test_hashes_of_strings_never_change() -> None:
    assert hashing.hash_strings(pa.array(["", "a", "größe"])).tolist() == [
        -5426141060434712860,
        3405396810240292928,
        -1613921676148213516,
    ]


def test_a_number_and_its_spelling_are_different_values() -> None:
    number = hashing.hash_integers(np.array([7], np.int64))[0]
    assert number != hashing.hash_strings(pa.array(["7"]))[0]


def test_the_order_of_a_pair_matters() -> None:
    one, two = np.array([1], np.int64), np.array([2], np.int64)
    assert hashing.combine(one, two) != hashing.combine(two, one)


def test_buckets_of_negative_hashes_are_in_range() -> None:
    buckets = hashing.buckets_of(np.array([-1, -(2**63), 5], np.int64), 3)
    assert set(buckets.tolist()) <= {0, 1, 2}


def test_fingerprints_of_plain_data_never_change() -> None:
    """They are in the names of cases and in records on disk."""
    content = {"b": [1, 2.5, None], "a": "größe"}
    assert hashing.canonical(content) == b'{"a":"gr\\u00f6\\u00dfe","b":[1,2.5,null]}'
    assert hashing.fingerprint(content) == hashing.fingerprint(dict(reversed(content.items())))
    assert hashing.fingerprint(content) == "6002833fc1727416"
    assert hashing.fingerprint(content, size=6) == "ee33793f4866"


def test_the_finaliser_is_the_second_half_of_the_mix() -> None:
    words = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    before = words.copy()
    mixed = hashing.finalise(words + np.uint64(hashing.GOLDEN_GAMMA))
    assert mixed.tolist() == hashing.mix64(words).tolist()
    assert words.tolist() == before.tolist()
