"""The contract of strategies, tested for each registered one; on one rank, in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wideload.errors import CheckpointError, UnknownNameError
from wideload.options import Spec
from wideload.strategies import find, names

ALONE = "WIDELOAD_TEST_ALONE"
"""Names the strategy that has this process to itself."""
HERE = [os.environ[ALONE]] if ALONE in os.environ else [name for name in names() if not find(name).owns_process]
ELSEWHERE = [] if ALONE in os.environ else [name for name in names() if name not in HERE]


@pytest.fixture(params=HERE)
def strategy(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    found = find(name).availability()
    if not found.usable:
        pytest.skip(found.reason)
    return name


@pytest.mark.slow
@pytest.mark.parametrize("name", ELSEWHERE)
def test_strategies_that_own_their_process_also_fulfil_the_contract(name: str) -> None:
    usable = find(name).availability()
    if not usable.usable:
        pytest.skip(usable.reason)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", __file__, "-k", f"[{name}]"]
    done = subprocess.run(
        command, env=os.environ | {ALONE: name}, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert "skipped" not in done.stdout


@pytest.fixture(scope="module")
def trained(everything: Any) -> Iterator[Callable[[str], Any]]:
    """A trainer of each strategy after sixty steps, with its losses; for tests that leave it as it is."""
    jobs: dict[str, Any] = {}

    def get(strategy: str) -> Any:
        if strategy not in jobs:
            jobs[strategy] = everything.Job(strategy)
            jobs[strategy].losses = jobs[strategy].train(60)
        return jobs[strategy]

    yield get
    for job in jobs.values():
        job.trainer.close()


def test_its_name_is_the_one_it_is_found_by(strategy: str) -> None:
    assert find(strategy).name == strategy
    assert find(strategy).summary


def test_an_unknown_option_names_the_nearest(strategy: str) -> None:
    options = find(strategy).Options
    known = next(iter(options.model_fields))
    with pytest.raises(UnknownNameError, match=f"Did you mean '{known}'"):
        Spec.parse(f"{strategy}[{known}x=1]").options(options)


def test_training_lowers_the_loss(trained: Any, strategy: str) -> None:
    losses = trained(strategy).losses
    assert np.mean(losses[-20:]) < np.mean(losses[:20])


def test_equal_seeds_give_equal_losses(trainer: Any, trained: Any, strategy: str) -> None:
    assert trainer(strategy).train(12) == trained(strategy).losses[:12]


def test_another_seed_gives_other_losses(trainer: Any, trained: Any, strategy: str) -> None:
    assert trainer(strategy, seed=8).train(3) != trained(strategy).losses[:3]


def test_predictions_are_probabilities(trained: Any, strategy: str) -> None:
    job = trained(strategy)
    predicted = job.trainer.predict(job.batch(0))
    assert predicted.dtype == np.float32
    assert predicted.shape == (64,)
    assert ((predicted > 0) & (predicted < 1)).all()


def test_predicting_changes_nothing(trained: Any, strategy: str) -> None:
    job = trained(strategy)
    before = job.trainer.predict(job.batch(99))
    footprint = job.trainer.footprint().weights
    job.trainer.predict(job.batch(100))
    assert job.trainer.predict(job.batch(99)).tolist() == before.tolist()
    assert job.trainer.footprint().weights == footprint


def test_an_empty_share_is_trained_and_predicted(trainer: Any, everything: Any, strategy: str) -> None:
    job = trainer(strategy)
    empty = job.adapter.transform(everything.records(0, 64).slice(0, 0), global_size=64)
    assert job.trainer.step(empty).loss == 0.0
    assert job.trainer.predict(empty).shape == (0,)


def test_padding_counts_for_nothing(trainer: Any, everything: Any, strategy: str) -> None:
    """Not in losses, gradients, moments or penalties: steps, one of them short and one empty, and then predictions."""
    plain, padded = trainer(strategy, model="rich"), trainer(strategy, model="rich", rows=70)
    for step, size in enumerate([64, 64, 5, 64, 64, 64]):
        expected = plain.trainer.step(plain.batch(step, size)).loss
        assert padded.trainer.step(padded.batch(step, size)).loss == pytest.approx(expected, rel=1e-5)
    empty = padded.adapter.transform(everything.records(0, 64).slice(0, 0), global_size=64)
    assert padded.trainer.step(empty.padded(70, padded.adapter.layout.slots)).loss == 0.0
    plain.trainer.step(empty)
    predicted = padded.trainer.predict(padded.batch(50))
    assert len(predicted) == 70
    # Wider than for losses: Adam moves the biases before batch normalisation, whose gradients are zero, by rounding
    # errors.
    assert predicted[:64] == pytest.approx(plain.trainer.predict(plain.batch(50)), rel=1e-3)


def test_announcing_the_batch_after_the_next_changes_no_result(trainer: Any, trained: Any, strategy: str) -> None:
    second = trainer(strategy)
    announced = []
    for step in range(5):
        if step < 4:
            second.trainer.prefetch(second.batch(step + 1))
        announced += second.train(1)
    assert announced == trained(strategy).losses[:5]


def test_a_restored_model_resumes_as_if_never_stopped(trainer: Any, strategy: str, tmp_path: Path) -> None:
    job = trainer(strategy, model="rich")
    job.train(8)
    job.trainer.finish()
    job.trainer.save(tmp_path)
    predicted = job.trainer.predict(job.batch(50))
    onwards = job.train(8)
    job.trainer.close()

    again = trainer(strategy, model="rich")
    again.train(2)
    again.trainer.finish()
    again.trainer.restore(tmp_path)
    again.steps = 8
    assert again.trainer.predict(again.batch(50)).tolist() == predicted.tolist()
    assert again.train(8) == onwards


def test_predictions_follow_the_reference_under_a_schedule(trainer: Any, strategy: str) -> None:
    """Losses do not see the running statistics of batch normalisation, predictions do."""
    found, expected = trainer(strategy, model="rich"), trainer("local", model="rich")
    for job in (found, expected):
        assert job.workload.model.schedule.factor(29) < 0.2
        job.train(30)
        job.trainer.finish()
    batch = 50
    assert found.trainer.predict(found.batch(batch)) == pytest.approx(
        expected.trainer.predict(expected.batch(batch)), rel=1e-4
    )


def test_a_model_is_restored_with_any_options(trainer: Any, trained: Any, tmp_path: Path) -> None:
    job = trained("local")
    job.trainer.save(tmp_path)
    other = trainer("local[lookup=column,kernels=tensorflow,rows=split]")
    other.trainer.restore(tmp_path)
    expected = job.trainer.predict(job.batch(50))
    assert other.trainer.predict(other.batch(50)) == pytest.approx(expected, rel=1e-5)


def test_a_folder_without_a_model_is_refused(trained: Any, strategy: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        trained(strategy).trainer.restore(tmp_path)


def test_the_footprint_counts_weights_and_optimizer(trained: Any, strategy: str) -> None:
    footprint = trained(strategy).trainer.footprint()
    assert footprint.weights > 0
    assert footprint.optimizer > 0
    assert footprint.total >= footprint.weights + footprint.optimizer


def test_closing_twice_is_fine(trainer: Any, strategy: str) -> None:
    job = trainer(strategy)
    job.trainer.close()
    job.trainer.close()
