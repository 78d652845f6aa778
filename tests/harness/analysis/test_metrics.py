import numpy as np
import pytest

from wideload.harness.analysis import metrics


def test_auc_of_perfect_and_reversed_order() -> None:
    labels = np.array([0, 0, 1, 1], np.float32)
    scores = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    assert metrics.measure(labels, scores).auc == 1.0
    assert metrics.measure(labels, 1 - scores).auc == 0.0


def test_ties_count_half() -> None:
    labels = np.array([0, 1], np.float32)
    assert metrics.measure(labels, np.full(2, 0.5, np.float32)).auc == 0.5


def test_log_loss_and_calibration_of_a_constant() -> None:
    measured = metrics.measure(np.array([0, 0, 0, 1], np.float32), np.full(4, 0.25, np.float32))
    assert measured.logloss == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)
    assert measured.copc == pytest.approx(1.0)


def test_auc_of_one_class_is_unknown_not_zero() -> None:
    assert metrics.measure(np.zeros(3, np.float32), np.full(3, 0.5, np.float32)).auc is None


def test_predictions_that_are_not_numbers_show() -> None:
    measured = metrics.measure(np.array([0, 1], np.float32), np.array([np.nan, 0.5], np.float32))
    assert measured.auc is None
    assert np.isnan(measured.logloss)


def test_predictions_of_all_ranks_are_measured_together(tmp_path) -> None:
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    metrics.save_predictions(tmp_path, 5, 0, [one], [one * 0.9])
    assert metrics.of_step(tmp_path, 5, 2) is None
    metrics.save_predictions(tmp_path, 5, 1, [none], [one * 0.1])
    assert metrics.of_step(tmp_path, 5, 2).auc == 1.0


def test_a_rank_without_examples_takes_part(tmp_path) -> None:
    metrics.save_predictions(tmp_path, 1, 0, [np.array([0, 1], np.float32)], [np.array([0.1, 0.9], np.float32)])
    metrics.save_predictions(tmp_path, 1, 1, [], [])
    assert metrics.of_step(tmp_path, 1, 2).auc == 1.0


def test_new_examples_are_measured_apart_whichever_rank_has_them(tmp_path) -> None:
    def keep(rank, labels, predictions, new):
        arrays = [np.array(labels, np.float32)], [np.array(predictions, np.float32)]
        metrics.save_predictions(tmp_path, 3, rank, *arrays)
        metrics.save_novelty(tmp_path, rank, [np.array(new, np.bool_)])

    keep(0, [0, 1, 0], [0.2, 0.9, 0.8], [False, False, True])
    assert metrics.of_novelty(tmp_path, 3, 2) is None
    keep(1, [1], [0.1], [True])
    apart = metrics.of_novelty(tmp_path, 3, 2)
    assert (apart.seen.auc, apart.new.auc, apart.share) == (1.0, 0.0, 0.5)


def test_without_new_examples_there_is_nothing_to_measure_of_them(tmp_path) -> None:
    metrics.save_predictions(tmp_path, 1, 0, [np.array([0, 1], np.float32)], [np.array([0.1, 0.9], np.float32)])
    metrics.save_novelty(tmp_path, 0, [np.zeros(2, np.bool_)])
    apart = metrics.of_novelty(tmp_path, 1, 1)
    assert apart.new is None
    assert apart.share == 0.0
