"""What every data set promises, kept by each that is built in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wideload.datasets import BUILT_IN, find, load, names
from wideload.datasets.contract import Dataset, Plan
from wideload.errors import UnknownNameError, UsageError
from wideload.options import Spec
from wideload.testing import DatasetContract

_SMALL = "examples=1500,validation_examples=70,test_examples=300,slots=5,numeric=2,vocabulary=1000,multi_valued=2"


class BuiltIn(DatasetContract):
    """The contract, and what all data sets of this repository promise in addition."""

    def test_both_labels_occur(self, loaded: Dataset) -> None:
        batches = loaded.stream("train", Plan(500))
        labels = np.concatenate([batch[loaded.schema().label].to_numpy() for batch in batches])
        assert set(labels.tolist()) == {0.0, 1.0}

    def test_a_stream_reads_ahead_in_one_thread(self, loaded: Dataset) -> None:
        before = threading.active_count()
        stream = loaded.stream("train", Plan(10, seed=1))
        next(stream)
        assert threading.active_count() == before + 1
        stream.close()  # type: ignore[attr-defined]
        assert threading.active_count() == before


class TestCensus(BuiltIn):
    dataset = "census"


class TestPlanted(BuiltIn):
    dataset = f"planted[{_SMALL}]"


class TestPlantedFiles(BuiltIn):
    dataset = f"planted[{_SMALL},storage=files]"


class TestShards(BuiltIn):
    dataset = "shards"

    @pytest.fixture
    def loaded(self, shards: Callable[..., Path]) -> Dataset:
        return load(f"shards[path={shards()}]")


def test_every_built_in_data_set_is_tried_here() -> None:
    assert {Spec.parse(case.dataset).name for case in (TestCensus, TestPlanted, TestShards)} == set(BUILT_IN)


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
