"""Calibration detects a handicap, no difference where there is none, and an instrument that can tell neither."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.mpi import Hosts
from wideload.harness.sweep.plan import plan
from wideload.harness.tools.calibrate import Trial, calibrate, in_windows

SAME, SLOW = Trial("A/A", 10, 0.0, "undecided"), Trial("A/slow", 20, 0.05, "lower")


def machine(noise: float, drift: float = 0.0):
    """Rates of a machine with noise, that gets slower by ``drift`` from each measurement to the next."""
    random = np.random.default_rng(3)
    return lambda handicaps: [
        1000 / (1 + handicap) * random.lognormal(0, noise) * (1 - drift) ** number
        for number, handicap in enumerate(handicaps)
    ]


def test_on_a_machine_with_some_noise_both_are_right() -> None:
    same, slow = calibrate([SAME, SLOW], 20, machine(0.01))
    assert same >= 18
    assert slow >= 18


def test_a_machine_whose_noise_hides_the_difference_is_detected() -> None:
    assert calibrate([SLOW], 20, machine(0.5))[0] < 18


def test_a_machine_that_gets_slower_all_the_time_makes_no_difference() -> None:
    """Because who goes first alternates: a fixed order would have the second always slower."""
    assert calibrate([SAME], 20, machine(0.001, drift=0.002))[0] >= 18


def test_pairs_are_put_the_right_way_round() -> None:
    assert SLOW.handicaps()[:4] == [0.0, 0.05, 0.05, 0.0]
    ratio = Trial("", 6, 0.5, "lower").ratio(list(itertools.islice(itertools.cycle([2.0, 1.0, 1.0, 2.0]), 12)))
    assert (ratio.median, ratio.verdict) == (pytest.approx(0.5), "lower")


@pytest.mark.mpi
@pytest.mark.usefixtures("fakes")
def test_a_job_measures_every_window_of_its_plan(tmp_path: Path) -> None:
    """That a handicap lengthens steps by its share is shown where time is given: tests/harness/rank/test_loop.py."""
    document = {
        "strategies": ["logistic"],
        "workload": {"dataset": "tiny", "batch_size": 100, "steps": 4},
        "warmup_steps": 2,
    }
    case = plan(from_document(document, "test"))[0].case
    rates = in_windows(case, tmp_path, Hosts(), [0.0, 1.0, 0.0])
    assert len(rates) == 3
    assert all(rate > 0 for rate in rates)
    assert [float(line) for line in (tmp_path / "windows.txt").read_text().split()] == rates
