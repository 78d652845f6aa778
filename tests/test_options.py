"""``name[param=value,...]`` is written in one way everywhere; changed options are validated."""

from __future__ import annotations

import pytest
from pydantic import Field

from wideload.errors import UnknownNameError, UsageError
from wideload.options import Options, Spec, expand


def test_recorded_options_are_written_as_a_user_would_write_them() -> None:
    assert (
        str(Spec.of("ps", {"prefetch": False, "mode": "async", "limit": 3})) == "ps[limit=3,mode=async,prefetch=false]"
    )
    assert str(Spec.of("ps", {})) == "ps"


def test_what_is_written_is_read_back() -> None:
    written = str(Spec.of("ps", {"mode": "async", "prefetch": False}))
    assert Spec.parse(written) == Spec("ps", (("mode", "async"), ("prefetch", "false")))
    assert [str(each) for each in expand("a[x=[1,2],y=3]")] == ["a[x=1,y=3]", "a[x=2,y=3]"]


class Engine(Options):
    power: int = Field(default=1, ge=1)


class Car(Options):
    engine: Engine = Engine()
    doors: int = Field(default=4, ge=2)


def test_a_changed_copy_differs_in_what_is_given() -> None:
    car = Car(engine=Engine(power=5))
    assert car.changed(doors=2) == Car(engine=Engine(power=5), doors=2)
    assert car.changed(doors=2).model_dump(exclude_unset=True) == {"engine": {"power": 5}, "doors": 2}
    assert car == Car(engine=Engine(power=5))


def test_a_changed_copy_is_validated() -> None:
    with pytest.raises(UsageError, match=r"car: doors: .* greater than or equal to 2 \(given: 0\)"):
        Car().changed(doors=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'doors'"):
        Car().changed(door=3)
