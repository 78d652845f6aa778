import numpy as np

from wideload.harness.job import predictions


def test_predictions_of_all_ranks_are_measured_together(tmp_path) -> None:
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    predictions.save_predictions(tmp_path, 5, 0, one, one * 0.9)
    assert predictions.of_step(tmp_path, 5, 2) is None
    predictions.save_predictions(tmp_path, 5, 1, none, one * 0.1)
    assert predictions.of_step(tmp_path, 5, 2).auc == 1.0


def test_a_rank_without_examples_takes_part(tmp_path) -> None:
    predictions.save_predictions(tmp_path, 1, 0, np.array([0, 1], np.float32), np.array([0.1, 0.9], np.float32))
    predictions.save_predictions(tmp_path, 1, 1, np.empty(0, np.float32), np.empty(0, np.float32))
    assert predictions.of_step(tmp_path, 1, 2).auc == 1.0


def test_new_examples_are_measured_apart_whichever_rank_has_them(tmp_path) -> None:
    def keep(rank, labels, predicted, new):
        arrays = np.array(labels, np.float32), np.array(predicted, np.float32)
        predictions.save_predictions(tmp_path, 3, rank, *arrays)
        predictions.save_novelty(tmp_path, rank, [np.array(new, np.bool_)])

    keep(0, [0, 1, 0], [0.2, 0.9, 0.8], [False, False, True])
    assert predictions.of_novelty(tmp_path, 3, 2) is None
    keep(1, [1], [0.1], [True])
    apart = predictions.of_novelty(tmp_path, 3, 2)
    assert (apart.seen.auc, apart.new.auc, apart.share) == (1.0, 0.0, 0.5)


def test_without_new_examples_there_is_nothing_to_measure_of_them(tmp_path) -> None:
    predictions.save_predictions(tmp_path, 1, 0, np.array([0, 1], np.float32), np.array([0.1, 0.9], np.float32))
    predictions.save_novelty(tmp_path, 0, [np.zeros(2, np.bool_)])
    apart = predictions.of_novelty(tmp_path, 1, 1)
    assert apart.new is None
    assert apart.share == 0.0
