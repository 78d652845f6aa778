"""Which batches a rank gets, and what is done with the last one of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from wideload import datasets
from wideload.errors import DataError
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.features.layout import Batch
from wideload.harness.workload.workload import Workload

PROBLEM = "planted[slots=2,vocabulary=50,numeric=2,examples=250,test_examples=130,multi_valued=1]"
"""Three batches of 100 an epoch, the last one half full."""


def feed(last_batch: str, rank: int = 0, ranks: int = 1, **changes: object) -> Feed:
    given = {"dataset": PROBLEM, "batch_size": 100, "epochs": 2, "last_batch": last_batch} | changes
    workload = Workload.model_validate(given)
    dataset = datasets.load(workload.dataset)
    adapter = FeatureColumnAdapter(workload.columns, dataset.schema(), "ids")
    return Feed(workload, dataset, adapter, Cluster(rank, ranks, comm=None))


def bags(batch: Batch, slot: int, example: int) -> list[int]:
    at = slot * batch.size + example
    found: list[int] = batch.values[batch.row_splits[at] : batch.row_splits[at + 1]].tolist()
    return found


@pytest.mark.parametrize(("last_batch", "sizes"), [("keep", [100, 100, 50] * 2), ("drop", [100] * 4)])
def test_a_short_batch_is_kept_or_dropped(last_batch: str, sizes: list[int]) -> None:
    made = feed(last_batch)
    assert made.steps == len(sizes)
    assert [batch.global_size for batch in made.train()] == sizes


@pytest.mark.parametrize("ranks", [1, 2, 3, 60])
def test_padding_gives_every_batch_the_shape_of_the_first(ranks: int) -> None:
    for rank in {0, ranks - 1}:
        batches = list(feed("pad", rank, ranks).train())
        assert len({(batch.size, batch.dense.shape, batch.row_splits.shape) for batch in batches}) == 1
        assert [batch.global_size for batch in batches] == [100, 100, 50] * 2


@pytest.mark.parametrize("ranks", [1, 3, 60])
def test_padding_changes_no_example_and_adds_empty_bags(ranks: int) -> None:
    for rank in {0, ranks - 1}:
        kept, padded = list(feed("keep", rank, ranks).train()), list(feed("pad", rank, ranks).train())
        for one, other in zip(kept, padded, strict=True):
            count = other.examples
            assert count == one.size == one.examples
            assert other.values.tolist() == one.values.tolist()
            assert other.label[:count].tolist() == one.label.tolist()
            assert np.array_equal(other.dense[:count], one.dense)
            assert not other.label[count:].any()
            assert not other.dense[count:].any()
            for slot in range(2):
                assert [bags(other, slot, n) for n in range(count)] == [bags(one, slot, n) for n in range(count)]
                assert not any(bags(other, slot, n) for n in range(count, other.size))


@pytest.mark.parametrize("last_batch", ["keep", "drop", "pad"])
def test_evaluation_sees_every_example_once(last_batch: str) -> None:
    parts = [list(feed(last_batch, rank, 2).held_out("test", 100)) for rank in range(2)]
    assert sum(batch.examples for part in parts for batch in part) == 130
    assert len(parts[0]) == len(parts[1])


def test_a_resumed_run_continues_after_what_was_dropped() -> None:
    made = feed("drop", epochs=3)
    assert [batch.label.tolist() for batch in made.train(3)] == [batch.label.tolist() for batch in made.train()][3:]


def test_dropping_the_only_batch_is_an_error_that_says_what_to_do() -> None:
    made = feed("drop", batch_size=300, steps=5)
    with pytest.raises(DataError, match=r"250 training examples make no batch of 300 .* Use smaller batches"):
        made.train()


class Empty(datasets.find("planted")):  # type: ignore[misc]
    """Has no rows to train on: as after a split by a threshold that all rows share."""

    train_size = 0

    def size(self, split: str) -> int:
        return {"train": self.train_size, "validation": 3, "test": 130}[split]

    def stream(self, split: str, plan: object) -> Iterator[pa.RecordBatch]:
        return iter(())


@pytest.mark.parametrize("steps", [None, 5])
def test_an_empty_training_split_is_an_error_with_the_numbers(steps: int | None) -> None:
    made = feed("keep", steps=steps)
    empty = replace(made, dataset=Empty(made.dataset.options))
    with pytest.raises(DataError, match="is empty; it has 3 validation and 130 test examples"):
        empty.train()


@pytest.mark.parametrize("steps", [None, 5])
def test_a_data_set_that_gives_no_batches_is_an_error_and_no_endless_loop(
    steps: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Empty, "train_size", 250)
    made = feed("keep", steps=steps)
    with pytest.raises(DataError, match=r"size\(\) and stream\(\) disagree"):
        list(replace(made, dataset=Empty(made.dataset.options)).train())


def test_nothing_is_left_to_train_for_a_run_that_resumes_at_its_end() -> None:
    made = feed("keep")
    assert list(made.train(made.steps)) == []
