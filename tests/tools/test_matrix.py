"""The support matrix says what passed, what failed and what could not be tried."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import matrix
from tools.combinations import ROOT, Combination, running

HERE = Combination(running(), "2.21")
ABSENT = Combination("3.99", "2.21")


def contract_fails(_: Combination, arguments: Sequence[str]) -> bool:
    return arguments[0] == "demo"


def test_a_failure_is_a_failure_of_its_column_alone() -> None:
    (row,) = matrix.attempt([HERE], contract_fails, lambda _: True)
    assert row.outcomes["demo"].startswith("passed in ")
    assert row.outcomes["contract"].startswith("failed in ")
    assert row.outcomes["horovod"] == "built"
    assert row.failed


def test_a_demo_that_passed_without_horovod_is_a_failure_of_horovod() -> None:
    (row,) = matrix.attempt([HERE], lambda *_: True, lambda _: False)
    assert row.outcomes["demo"].startswith("passed in ")
    assert row.outcomes["horovod"] == "failed to build"
    assert row.failed


def test_a_python_that_is_not_here_is_not_tried_and_no_failure() -> None:
    assert shutil.which("python3.99") is None
    (row,) = matrix.attempt([ABSENT], lambda *_: pytest.fail("was tried"))
    assert set(row.outcomes.values()) == {"not tried: no python3.99 on the PATH"}
    assert not row.failed


def test_the_table_has_a_line_a_combination() -> None:
    lines = matrix.table(matrix.attempt([HERE, ABSENT], contract_fails, lambda _: True)).splitlines()
    assert lines[0] == "| Python | TensorFlow | demo | contract | horovod |"
    assert lines[2].startswith(f"| {running()} | 2.21 | passed in ")
    assert lines[3].startswith("| 3.99 | 2.21 | not tried")


def test_nox_is_told_which_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    def run(command: list[str], *, cwd: Path, env: dict[str, str], check: bool) -> subprocess.CompletedProcess[str]:
        assert command == [sys.executable, "-m", "nox", "-s", "demo"]
        seen.append(env)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(matrix.subprocess, "run", run)
    assert not matrix.nox(Combination("3.12", "2.21"), ["demo"])
    assert (seen[0]["WIDELOAD_PYTHON"], seen[0]["WIDELOAD_TENSORFLOW"]) == ("3.12", "2.21")


def test_the_tests_that_are_tried_exist() -> None:
    named = [argument for arguments in matrix.SESSIONS.values() for argument in arguments if "/" in argument]
    assert named
    assert all((ROOT / name).exists() for name in named)
