"""Steps and drifts in made-up series, and how often chance alone gives an alarm."""

from __future__ import annotations

import numpy as np
import pytest

from wideload.harness.analysis.changes import changes

SERIES = 300


def noise(random: np.random.Generator, count: int = 40) -> np.ndarray:
    """3 %, and one commit in twenty is measured on a disturbed machine."""
    disturbed = np.where(random.random(count) < 0.05, 0.9, 1.0)
    return np.exp(random.normal(0, 0.03, count)) * disturbed


def test_a_series_in_which_nothing_has_changed_rarely_gives_an_alarm() -> None:
    random = np.random.default_rng(1)
    alarms = sum(bool(changes(noise(random))) for _ in range(SERIES))
    assert alarms <= 0.02 * SERIES


def test_a_step_of_a_tenth_is_found_where_it_is() -> None:
    random = np.random.default_rng(2)
    found = [changes(noise(random) * np.where(np.arange(40) < 25, 1.0, 0.9)) for _ in range(SERIES)]
    near = [each for each in found if each and each[0].kind == "step" and abs(each[0].place - 25) <= 3]
    assert len(near) >= 0.95 * SERIES
    assert np.median([each[0].factor for each in near]) == pytest.approx(0.9, abs=0.01)


def test_a_slow_decline_is_a_drift() -> None:
    random = np.random.default_rng(3)
    found = [changes(noise(random) * 0.995 ** np.arange(40)) for _ in range(SERIES)]
    drifts = [each for each in found if [change.kind for change in each] == ["drift"]]
    assert len(drifts) >= 0.8 * SERIES
    assert np.median([each[0].factor for each in drifts]) == pytest.approx(0.995**39, abs=0.02)


def test_two_steps_are_two() -> None:
    values = np.concatenate([np.full(12, 100.0), np.full(12, 130.0), np.full(12, 80.0)])
    wobble = 1 + 0.01 * np.sin(np.arange(36) * 2.4)
    assert [(change.kind, change.place) for change in changes(values * wobble)] == [("step", 12), ("step", 24)]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 7, [1.0] * 40])
def test_a_short_or_constant_series_has_no_change(values: list[float]) -> None:
    assert changes(values) == []
