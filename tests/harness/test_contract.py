"""What a strategy says where something is missing."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from wideload.harness import contract
from wideload.harness.contract import Availability, require


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of modules that shall not be found."""
    names: set[str] = set()
    find_spec = importlib.util.find_spec
    hidden: Any = lambda name: None if name in names else find_spec(name)  # noqa: E731
    monkeypatch.setattr(contract.importlib.util, "find_spec", hidden)
    return names


def test_what_is_there_is_usable() -> None:
    assert require(json="install Python") == Availability(True)


def test_the_first_module_that_is_missing_is_named_with_its_remedy(missing: set[str]) -> None:
    missing |= {"tensorflow", "mpi4py"}
    assert require("tensorflow", "mpi4py") == Availability(
        False, "tensorflow is not installed; run `pip install 'wideload[tensorflow]'`."
    )


def test_a_plug_in_brings_remedies_of_its_own(missing: set[str]) -> None:
    missing.add("fancy")
    assert require(fancy="run `pip install fancy`").reason == "fancy is not installed; run `pip install fancy`."
