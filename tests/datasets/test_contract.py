"""What every data set promises, tried on all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets import BUILT_IN, find, load, names
from wideload.datasets.contract import Dataset, Plan
from wideload.errors import UnknownNameError, UsageError

_SMALL = "examples=1500,validation_examples=70,test_examples=300,slots=5,numeric=2,vocabulary=1000,multi_valued=2"
CASES = ["census", f"planted[{_SMALL}]", f"planted[{_SMALL},storage=files]", "shards"]


@pytest.fixture(params=CASES, ids=["census", "planted", "planted-files", "shards"])
def dataset(request: pytest.FixtureRequest, shards: Callable[..., Path]) -> Dataset:
    return load(f"shards[path={shards()}]" if request.param == "shards" else request.param)


def rows(dataset: Dataset, plan: Plan, split: str = "train") -> list[dict]:
    return [row for batch in dataset.stream(split, plan) for row in batch.to_pylist()]


def test_every_built_in_data_set_is_tried_here() -> None:
    assert {case.partition("[")[0] for case in CASES} == set(BUILT_IN)


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_the_shares_of_all_ranks_make_the_same_global_batches(dataset: Dataset, ranks: int) -> None:
    alone = list(dataset.stream("train", Plan(200, seed=5)))[:6]
    shares = [dataset.stream("train", Plan(200, rank, ranks, seed=5)) for rank in range(ranks)]
    for whole in alone:
        parts = [next(share) for share in shares]
        assert [row for part in parts for row in part.to_pylist()] == whole.to_pylist()


def test_a_share_is_as_large_as_the_plan_says(dataset: Dataset) -> None:
    plan = Plan(100, rank=1, ranks=3, seed=1)
    begin, end = plan.share(100)
    assert next(dataset.stream("train", plan)).num_rows == end - begin


def test_an_epoch_visits_every_example_once(dataset: Dataset) -> None:
    stored = rows(dataset, Plan(128))
    shuffled = rows(dataset, Plan(128, seed=3))
    assert len(stored) == dataset.size("train")
    assert sorted(map(repr, stored)) == sorted(map(repr, shuffled))
    assert stored != shuffled


def test_epochs_and_seeds_change_the_order_and_nothing_else_does(dataset: Dataset) -> None:
    first = rows(dataset, Plan(128, seed=3))
    assert first == rows(dataset, Plan(128, seed=3))
    assert first != rows(dataset, Plan(128, seed=3, epoch=1))
    assert first != rows(dataset, Plan(128, seed=4))


@pytest.mark.parametrize("seed", [None, 9])
def test_a_stream_resumes_at_any_step(dataset: Dataset, seed: int | None) -> None:
    whole = list(dataset.stream("train", Plan(170, rank=1, ranks=2, seed=seed)))
    for start in (1, 4, len(whole) - 1, len(whole)):
        rest = list(dataset.stream("train", Plan(170, rank=1, ranks=2, seed=seed, start=start)))
        assert [batch.to_pylist() for batch in rest] == [batch.to_pylist() for batch in whole[start:]]


def test_a_short_last_batch_is_kept_or_dropped_as_asked(dataset: Dataset) -> None:
    size = dataset.size("train")
    assert size % 128
    kept = [batch.num_rows for batch in dataset.stream("train", Plan(128, seed=1))]
    dropped = [batch.num_rows for batch in dataset.stream("train", Plan(128, seed=1, last="drop"))]
    assert kept == [128] * (size // 128) + [size % 128]
    assert dropped == [128] * (size // 128)


def test_a_batch_smaller_than_the_job_gives_some_ranks_nothing(dataset: Dataset) -> None:
    sizes = [next(dataset.stream("train", Plan(2, rank, 4, seed=1))).num_rows for rank in range(4)]
    assert sizes == [1, 1, 0, 0]


def test_columns_have_the_types_of_the_contract(dataset: Dataset) -> None:
    schema = dataset.schema()
    batch = next(dataset.stream("train", Plan(64)))
    assert batch.schema.names == [schema.label, *(field.name for field in schema.fields)]
    assert batch.schema.field(schema.label).type == pa.float32()
    for field in schema.fields:
        kind = batch.schema.field(field.name).type
        assert pa.types.is_list(kind) == field.multi_valued
        inner = kind.value_type if field.multi_valued else kind
        if field.kind == "numeric":
            assert inner == pa.float32()
        elif field.vocabulary is not None:
            assert inner == pa.dictionary(pa.int32(), pa.string())
            assert tuple(batch[field.name].dictionary.to_pylist()) == field.vocabulary
        else:
            assert inner == pa.int64()


def test_ids_are_below_their_cardinality(dataset: Dataset) -> None:
    for batch in dataset.stream("train", Plan(500)):
        for field in dataset.schema().fields:
            if field.cardinality is not None:
                column = batch[field.name]
                values = column.flatten() if field.multi_valued else column
                assert 0 <= np.min(values.to_numpy()) <= np.max(values.to_numpy()) < field.cardinality


def test_labels_are_zero_or_one_and_both_occur(dataset: Dataset) -> None:
    labels = np.concatenate([batch[dataset.schema().label].to_numpy() for batch in dataset.stream("train", Plan(500))])
    assert set(labels.tolist()) == {0.0, 1.0}


def test_a_stream_left_early_leaves_no_thread(dataset: Dataset) -> None:
    before = threading.active_count()
    stream = dataset.stream("train", Plan(10, seed=1))
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_fingerprint_is_sixteen_hex_digits_and_stays(dataset: Dataset) -> None:
    assert len(dataset.fingerprint()) == 16
    assert int(dataset.fingerprint(), 16) >= 0
    assert type(dataset)(dataset.options).fingerprint() == dataset.fingerprint()


def test_a_split_that_does_not_exist_is_empty(shards: Callable[..., Path]) -> None:
    dataset = load(f"shards[path={shards()}]")
    assert dataset.size("test") == 0
    assert list(dataset.stream("test", Plan(10))) == []


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'planted'"):
        find("plantd")


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vocabulary'"):
        load("planted[vocabluary=7]")


def test_an_option_out_of_range_says_so() -> None:
    with pytest.raises(UsageError, match="greater than or equal to 1"):
        load("planted[slots=0]")


def test_all_names_lead_to_classes_with_a_summary() -> None:
    for name in names():
        assert find(name).summary
