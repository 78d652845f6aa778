"""The factor on the learning rates is what its declaration says, at every step."""

from __future__ import annotations

from typing import Any

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.workload.learning_rate import Schedule
from wideload.harness.workload.model import Model
from wideload.options import validate


def factors(schedule: Schedule, *steps: int) -> list[float]:
    return [schedule.factor(step) for step in steps]


def test_a_linear_decay_falls_by_the_same_amount_at_every_step() -> None:
    schedule = Schedule(begin=10, steps=4, end=0.2)
    assert factors(schedule, 0, 10, 11, 12, 14, 99) == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.2, 0.2])


def test_half_a_cosine_wave_falls_fastest_in_the_middle() -> None:
    schedule = Schedule(decay="cosine", steps=100, end=0.5)
    assert factors(schedule, 0, 25, 50, 100) == pytest.approx([1.0, 0.5 + 0.5 * 0.853553, 0.75, 0.5], rel=1e-6)


def test_an_exponential_falls_by_the_same_ratio_at_every_step() -> None:
    schedule = Schedule(decay="exponential", steps=4, end=0.0625)
    assert factors(schedule, 0, 1, 2, 3, 4, 5) == pytest.approx([1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625])


def test_the_first_steps_climb_and_none_is_without_effect() -> None:
    assert factors(Schedule(steps=1, end=1.0, warmup=4), 0, 1, 2, 3, 4) == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


def test_a_model_declares_one_for_all_its_parts() -> None:
    model = validate(Model, {"schedule": {"decay": "cosine", "steps": 10}}, "x.toml")
    assert model.schedule == Schedule(decay="cosine", steps=10)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 10, "end": 0.0}, "schedule.end: .*greater than 0"),
        ({"steps": 0}, "schedule.steps: .*greater than or equal to 1"),
        ({}, "schedule.steps: Field required"),
        ({"steps": 1, "decay": "cosin"}, "schedule.decay: .*'cosine'"),
    ],
)
def test_a_mistake_is_shown_with_its_place(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(Model, {"schedule": given}, "x.toml")


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'warmup'"):
        validate(Model, {"schedule": {"steps": 1, "warm_up": 3}}, "x.toml")
