"""Planted data has the properties that its options ask for."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.datasets.planted.dataset import Planted
from wideload.errors import UsageError


def planted(**options: object) -> Planted:
    values = {"examples": 4000, "test_examples": 4000, "slots": 6, "numeric": 2, "vocabulary": 1000} | options
    dataset = load("planted[" + ",".join(f"{key}={value}" for key, value in values.items()) + "]")
    assert isinstance(dataset, Planted)
    return dataset


def column(dataset: Planted, name: str, split: str = "train") -> np.ndarray:
    batches = dataset.stream(split, Plan(2000))  # type: ignore[arg-type]
    return np.concatenate([batch[name].to_numpy() for batch in batches])


def test_equal_options_give_equal_rows_and_another_seed_gives_others() -> None:
    first, again, other = planted(), planted(), planted(seed=2)
    assert np.array_equal(column(first, "C1"), column(again, "C1"))
    assert not np.array_equal(column(first, "C1"), column(other, "C1"))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_the_click_rate_is_the_one_asked_for() -> None:
    for rate in (0.05, 0.4):
        labels = column(planted(click_rate=rate, examples=20_000), "label")
        assert labels.mean() == pytest.approx(rate, abs=0.02)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_best_auc_is_that_of_a_model_that_knows_every_click_rate(noise: float) -> None:
    """The oracle sees rows only: with 36 kinds of examples, 200,000 training rows give the click rate of each kind."""
    dataset = planted(slots=2, numeric=0, vocabulary=6, noise=noise, examples=200_000, test_examples=50_000)
    kinds, labels = _kinds(dataset, "train"), column(dataset, "label")
    rates = np.bincount(kinds, labels, minlength=36) / np.maximum(1, np.bincount(kinds, minlength=36))
    reached = roc_auc_score(column(dataset, "label", "test"), rates[_kinds(dataset, "test")])
    assert dataset.best_auc("test") == pytest.approx(reached, abs=0.002)
    assert 0.6 < reached < 0.95


def _kinds(dataset: Planted, split: str) -> np.ndarray:
    """Numbers the combination of both ids of each row."""
    return column(dataset, "C1", split) * 6 + column(dataset, "C2", split)


def test_true_probabilities_are_calibrated() -> None:
    dataset = planted(examples=40_000)
    _, probabilities = dataset.generated.labels("train", np.arange(40_000))
    labels = column(dataset, "label")
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0)):
        inside = (probabilities >= low) & (probabilities < high)
        assert labels[inside].mean() == pytest.approx(probabilities[inside].mean(), abs=0.02)


def test_label_noise_lowers_the_best_auc_and_more_signal_raises_it() -> None:
    plain = planted().best_auc("test")
    assert planted(noise=0.2).best_auc("test") < plain < planted(signal=4).best_auc("test")  # type: ignore[operator]


def test_a_split_of_one_class_has_no_auc() -> None:
    assert planted(test_examples=1).best_auc("test") is None
    assert planted(test_examples=0).best_auc("test") is None


@pytest.mark.parametrize(("slot", "exponent"), [("C1", 0.8), ("C6", 1.4)])
def test_ids_follow_zipf_with_the_exponent_of_their_slot(slot: str, exponent: float) -> None:
    dataset = planted(zipf=0.8, zipf_last=1.4, examples=100_000, vocabulary=10_000)
    counts = np.sort(np.unique(column(dataset, slot), return_counts=True)[1])[::-1]
    ranks = np.arange(3, 60)  # the head, where counts are large
    slope = np.polyfit(np.log(ranks + 0.5), np.log(counts[ranks - 1]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.12)


def test_popular_ids_are_spread_over_the_vocabulary() -> None:
    ids, counts = np.unique(column(planted(vocabulary=100_000), "C1"), return_counts=True)
    popular = ids[np.argsort(-counts)[:20]]
    assert popular.max() > 50_000
    assert (popular < 50_000).any()


def test_vocabularies_may_differ_from_slot_to_slot() -> None:
    sizes = [field.cardinality for field in planted(vocabulary=10, vocabulary_last=1_000_000).schema().fields[2:]]
    assert sizes == [10, 100, 1000, 10_000, 100_000, 1_000_000]


def test_a_vocabulary_of_billions_needs_no_memory_for_it() -> None:
    ids = column(planted(vocabulary=4_000_000_000, zipf=0.3), "C1")
    assert ids.min() >= 0
    assert ids.max() > 2_000_000_000
    assert len(np.unique(ids)) > 3_000


def test_a_slot_with_one_id_has_only_that() -> None:
    assert set(column(planted(vocabulary=1), "C3").tolist()) == {0}


def test_correlated_slots_share_their_popularity_rank_as_often_as_asked() -> None:
    def agreement(correlation: float) -> float:
        dataset = planted(correlated=2, correlation=correlation, vocabulary=1_000_000, zipf=0.5)
        inputs = dataset.generated.truth.inputs(np.arange(4000), np.zeros(4000))
        return float((inputs.log_ranks[:, 0] == inputs.log_ranks[:, 1]).mean())

    assert agreement(0.7) == pytest.approx(0.7, abs=0.03)
    assert agreement(0.0) < 0.01


def test_multi_valued_slots_hold_up_to_the_largest_number_of_values() -> None:
    dataset = planted(multi_valued=2, max_values=3)
    lengths = [len(values) for batch in dataset.stream("train", Plan(2000)) for values in batch["C6"].to_pylist()]
    assert set(lengths) == {0, 1, 2, 3}
    assert [field.multi_valued for field in dataset.schema().fields] == [False] * 6 + [True] * 2


def test_ids_appear_and_disappear_under_drift() -> None:
    def shared(drift: float) -> float:
        ids = column(planted(drift=drift, examples=20_000, vocabulary=100_000, zipf=1.3), "C1")
        first, last = ids[:2000], ids[-2000:]
        return float(np.isin(last, first).mean())

    assert shared(0) > 0.7
    assert shared(5) < 0.3


def test_numbers_are_standard_normal_and_uncorrelated() -> None:
    dataset = planted(examples=20_000, numeric=3)
    numbers = np.stack([column(dataset, f"I{index}") for index in (1, 2, 3)])
    assert numbers.mean(axis=1) == pytest.approx(np.zeros(3), abs=0.03)
    assert np.cov(numbers) == pytest.approx(np.eye(3), abs=0.04)


def test_popular_ids_carry_a_signal_that_a_linear_model_finds() -> None:
    dataset = planted(examples=30_000, zipf=1.3, interaction=0, numeric=0)
    train, labels = column(dataset, "C1"), column(dataset, "label")
    ids, counts = np.unique(train, return_counts=True)
    popular = ids[np.argsort(-counts)[:5]]
    rates = [labels[train == one].mean() for one in popular]
    assert np.ptp(rates) > 0.05


def test_splits_share_no_row() -> None:
    dataset = planted(vocabulary=4_000_000_000, zipf=0, validation_examples=4000)
    every = [set(column(dataset, "C1", split).tolist()) for split in ("train", "validation", "test")]
    assert not every[0] & every[1]
    assert not every[1] & every[2]
    assert not every[0] & every[2]


def test_files_hold_the_rows_that_the_stream_computes(cache: Path) -> None:
    streamed, stored = planted(multi_valued=1), planted(multi_valued=1, storage="files")
    for left, right in zip(streamed.stream("train", Plan(500)), stored.stream("train", Plan(500)), strict=True):
        assert left.to_pylist() == right.to_pylist()
    assert list((cache / "wideload" / "planted").glob("*/manifest.json"))
    assert streamed.fingerprint() == stored.fingerprint()


def test_an_empty_split_has_no_file(cache: Path) -> None:
    assert list(planted(test_examples=0, storage="files").stream("test", Plan(10))) == []


def _open(home: str, start: object) -> None:
    import os

    os.environ["XDG_CACHE_HOME"] = home
    start.wait()  # type: ignore[attr-defined]
    next(planted(storage="files", examples=20_000).stream("train", Plan(500)))


def test_processes_that_write_the_same_files_at_once_do_not_disturb_each_other(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_open, args=(str(cache), start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(cache.rglob("*.partial"))
    folder = next((cache / "wideload" / "planted").iterdir())
    assert pq.read_metadata(folder / "train-00000.parquet").num_rows == 20_000


def test_an_incomplete_file_of_a_killed_process_is_not_read_as_a_shard(cache: Path) -> None:
    dataset = planted(storage="files")
    folder = cache / "wideload" / "planted" / dataset.fingerprint()
    folder.mkdir(parents=True)
    (folder / ".train-00000.parquet.1.partial").write_bytes(b"PAR1")
    assert next(dataset.stream("train", Plan(100))).num_rows == 100


def test_contradictory_options_are_refused() -> None:
    with pytest.raises(UsageError, match="exceeds slots"):
        planted(multi_valued=7)
    with pytest.raises(UsageError, match="single-valued"):
        planted(correlated=6)


def test_the_order_of_any_epoch_is_a_permutation_that_is_not_stored() -> None:
    from wideload.datasets.counter_rng import Shuffle

    for size in (1, 2, 3, 100, 4097):
        assert sorted(Shuffle(size, 7)(np.arange(size)).tolist()) == list(range(size))


def test_a_batch_of_planted_rows_is_one_record_batch() -> None:
    assert isinstance(next(planted().stream("train", Plan(4000, seed=1))), pa.RecordBatch)
