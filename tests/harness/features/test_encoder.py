from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from wideload.arrays import Integers
from wideload.datasets.contract import Field
from wideload.errors import ColumnError, UnknownNameError, UsageError
from wideload.harness.features import encoder as encoding
from wideload.harness.features.encoder import ABSENT, Encoder, register
from wideload.harness.features.encoders import compile_encoder
from wideload.harness.workload.columns import Custom, Hash, Identity, Vocabulary
from wideload.hashing import buckets_of, hash_integers, hash_strings

STRINGS = Field("colour", "categorical", vocabulary=("red", "green"))
NUMBERS = Field("shop", "categorical", cardinality=4)


def encode(declaration: Any, values: pa.Array, field: Field = STRINGS) -> list[int]:
    return compile_encoder(declaration, field, "c").encode(values).tolist()


def dictionary(*values: str | None) -> pa.Array:
    return pa.array(values, pa.dictionary(pa.int32(), pa.string()))


def test_known_values_get_their_position() -> None:
    assert encode(Vocabulary(), dictionary("green", "red", "green")) == [1, 0, 1]


def test_unknown_and_missing_values_share_the_buckets_after_the_known_ones() -> None:
    first = 2
    assert encode(Vocabulary(), dictionary("mauve", None)) == [first, first]
    bucket = int(buckets_of(hash_strings(pa.array(["mauve"])), 50)[0])
    assert encode(Vocabulary(oov_buckets=50), dictionary("mauve")) == [2 + bucket]


def test_without_buckets_an_unknown_value_is_no_value() -> None:
    assert encode(Vocabulary(oov_buckets=0), dictionary("mauve", None, "red")) == [ABSENT, ABSENT, 0]


def test_plain_strings_and_dictionaries_are_encoded_alike() -> None:
    values = ["red", "mauve", None]
    assert encode(Vocabulary(), pa.array(values)) == encode(Vocabulary(), dictionary(*values))


def test_another_dictionary_is_looked_up_again() -> None:
    encoder = compile_encoder(Vocabulary(), STRINGS, "c")
    assert encoder.encode(dictionary("red", "green")).tolist() == [0, 1]
    assert encoder.encode(dictionary("green", "red")).tolist() == [1, 0]


def test_the_same_dictionary_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(pc, "index_in", lambda *args, _inner=pc.index_in, **kw: calls.append(1) or _inner(*args, **kw))
    encoder = compile_encoder(Vocabulary(), STRINGS, "c")
    values = dictionary("red", "green", "red", "green")
    encoder.encode(values)
    encoder.encode(values.slice(1, 2))
    assert len(calls) == 1


def test_a_dictionary_may_hold_null() -> None:
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array([None, "red"]))
    assert encode(Vocabulary(), values) == [2, 0]


def test_integers_may_have_a_vocabulary() -> None:
    assert encode(Vocabulary(values=("30", "10")), pa.array([10, 30, 20, None]), NUMBERS) == [1, 0, 2, 2]


def test_a_vocabulary_of_words_refuses_integers() -> None:
    with pytest.raises(ColumnError, match="'c': the field holds integers, but its vocabulary does not"):
        encode(Vocabulary(values=("red",)), pa.array([1]), NUMBERS)


def test_a_vocabulary_comes_from_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text("blue\nred\n")
    assert encode(Vocabulary(file=str(path)), dictionary("red", "blue")) == [1, 0]


def test_rare_values_of_a_counted_vocabulary_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "known.parquet"
    pq.write_table(pa.table({"value": ["red", "mauve", "blue"], "count": [9, 1, 5]}), path)
    assert encode(Vocabulary(file=str(path), min_count=2), dictionary("red", "blue", "mauve")) == [0, 1, 2]


def test_a_limit_keeps_the_first_values() -> None:
    assert encode(Vocabulary(limit=1), dictionary("red", "green")) == [0, 1]


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        (Vocabulary(values=("a", "a")), "'a' occurs twice"),
        (Vocabulary(values=(), oov_buckets=0), "leaves no id"),
        (Vocabulary(values=("a",), file="x"), "not both"),
        (Vocabulary(file="/nowhere/x.txt"), "cannot read the vocabulary /nowhere/x.txt"),
        (Vocabulary(min_count=3), "needs a vocabulary file"),
        (Identity(), "needs a size"),
    ],
)
def test_an_encoder_that_cannot_work_names_the_column(declaration: Any, message: str) -> None:
    with pytest.raises(ColumnError, match=rf"column 'c'.*{message}"):
        compile_encoder(declaration, STRINGS, "c")


def test_a_field_without_vocabulary_is_named() -> None:
    with pytest.raises(ColumnError, match="field 'shop' has no fitted vocabulary"):
        compile_encoder(Vocabulary(), NUMBERS, "c")


def test_identity_takes_ids_as_they_are() -> None:
    assert encode(Identity(), pa.array([3, 0]), NUMBERS) == [3, 0]


def test_an_id_outside_is_no_value() -> None:
    assert encode(Identity(), pa.array([4, -1, None, 2]), NUMBERS) == [ABSENT, ABSENT, ABSENT, 2]


def test_unsigned_ids_of_64_bits_are_encoded_too() -> None:
    values = pa.array([2**64 - 1, None, 3], pa.uint64())
    assert encode(Identity(), values, NUMBERS) == [ABSENT, ABSENT, 3]
    assert encode(Vocabulary(values=("3",)), values, NUMBERS) == [1, 1, 0]
    assert encode(Hash(), values) == [hash_integers(np.array([-1]))[0], ABSENT, hash_integers(np.array([3]))[0]]


def test_identity_refuses_strings() -> None:
    with pytest.raises(ColumnError, match="reads integers"):
        encode(Identity(size=3), dictionary("red"))


def test_hashes_are_folded_into_buckets() -> None:
    expected = buckets_of(hash_integers(np.array([5, 6])), 10).tolist()
    assert encode(Hash(buckets=10), pa.array([5, 6]), NUMBERS) == expected


def test_a_missing_value_has_no_hash() -> None:
    assert encode(Hash(buckets=10), pa.array([None, 5]), NUMBERS)[0] == ABSENT
    assert encode(Hash(), dictionary(None, "red"))[0] == ABSENT


def test_an_unbounded_hash_is_all_64_bits() -> None:
    assert encode(Hash(), dictionary("red")) == hash_strings(pa.array(["red"])).tolist()


class Parity(Encoder):
    """Even or odd; a custom encoder."""

    rows = 2

    def __init__(self, field: Field, odd: int = 1) -> None:
        self._odd = odd

    def encode(self, values: Any) -> Integers:
        ids: Integers = values.to_numpy() % 2 * self._odd
        return ids


@pytest.fixture
def parity(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    monkeypatch.setattr(encoding, "_registered", {})
    register("parity", Parity)
    return lambda *values, **options: encode(Custom(name="parity", **options), pa.array(values), NUMBERS)


def test_a_registered_encoder_is_found_by_name(parity: Callable[..., list[int]]) -> None:
    assert parity(4, 7) == [0, 1]


def test_a_registered_encoder_gets_its_options(parity: Callable[..., list[int]]) -> None:
    assert parity(7, options=(("odd", 0),)) == [0]


def test_an_option_it_does_not_have_is_refused(parity: Callable[..., list[int]]) -> None:
    with pytest.raises(ColumnError, match="column 'c': encoder 'parity' refuses its options"):
        parity(7, options=(("even", 0),))


def test_an_unknown_encoder_names_the_nearest(parity: Callable[..., list[int]]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'parity'"):
        compile_encoder(Custom(name="paritty"), NUMBERS, "c")


def test_a_name_is_registered_once(parity: Callable[..., list[int]]) -> None:
    register("parity", Parity)
    with pytest.raises(UsageError, match="registered already"):
        register("parity", type("Other", (Parity,), {}))


def test_only_encoders_can_be_registered() -> None:
    with pytest.raises(UsageError, match="not a subclass"):
        register("text", str)  # type: ignore[arg-type]
