"""Which Python and TensorFlow an environment is made of, and what a wrong choice is told."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from tools import combinations
from tools.combinations import ROOT, Combination, all_combinations, choose


@pytest.mark.parametrize(("python", "tensorflow"), [("3.11", "2.18"), ("3.12", "2.18"), ("3.13", "2.21")])
def test_the_default_is_the_first_tensorflow_that_has_wheels(python: str, tensorflow: str) -> None:
    assert choose({}, running=python) == Combination(python, tensorflow)


def test_both_can_be_chosen() -> None:
    asked = {"WIDELOAD_PYTHON": "3.12", "WIDELOAD_TENSORFLOW": "2.21"}
    assert choose(asked, running="3.11") == Combination("3.12", "2.21")


def test_a_python_that_is_not_known_stands_back_for_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combinations, "on_path", lambda version: version if version == "3.13" else None)
    assert choose({}, running="3.15") == Combination("3.13", "2.21")


@pytest.mark.parametrize(("status", "there"), [(0, True), (127, False)])
def test_a_shim_of_a_python_that_is_not_active_is_no_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, there: bool
) -> None:
    shim = tmp_path / "python3.98"
    shim.write_text(f"#!/bin/sh\nexit {status}\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert (combinations.on_path("3.98") is not None) is there


@pytest.mark.parametrize(("asked", "told"), [
    ({"WIDELOAD_PYTHON": "3.10"}, "WIDELOAD_PYTHON='3.10' is not one of 3.11, 3.12, 3.13."),
    ({"WIDELOAD_TENSORFLOW": "2.19"}, "WIDELOAD_TENSORFLOW='2.19' is not one of 2.18, 2.21."),
    ({"WIDELOAD_PYTHON": "3.13", "WIDELOAD_TENSORFLOW": "2.18"}, "has no wheels for Python 3.13, only for 3.11, 3.12."),
])  # fmt: skip
def test_what_there_is_not_is_refused_with_what_there_is(asked: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        choose(asked)
    assert told in combinations.of_environ(asked)[1]


def test_every_combination_has_an_environment_and_a_file_of_its_own() -> None:
    assert len({one.suffix for one in all_combinations()}) == len(all_combinations())
    assert Combination(combinations.preferred_python(), "2.21").constraints.name == "tensorflow-2.21.txt"


@pytest.mark.parametrize("tensorflow", combinations.TENSORFLOWS)
def test_the_constraints_pin_the_tensorflow_that_names_them(tensorflow: str) -> None:
    pins = Combination("3.11", tensorflow).constraints.read_text()
    assert re.search(rf"^tensorflow=={re.escape(tensorflow)}\.\d+$", pins, re.MULTILINE)
    assert re.search(rf"^tf_keras=={re.escape(tensorflow)}\.\d+$", pins, re.MULTILINE)


def test_the_package_says_which_pythons_it_is_tried_on() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    found = [name.rpartition(" ")[2] for name in classifiers if "Python :: 3" in name]
    assert tuple(found) == combinations.PYTHONS
