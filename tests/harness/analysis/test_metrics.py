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


def test_predictions_that_are_not_numbers_give_no_auc_and_a_nan_loss() -> None:
    measured = metrics.measure(np.array([0, 1], np.float32), np.array([np.nan, 0.5], np.float32))
    assert measured.auc is None
    assert np.isnan(measured.logloss)
