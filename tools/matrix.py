"""The support matrix: every combination of Python and TensorFlow, each in its own environment, tried by nox itself.

A combination whose Python is not on this machine is left out, and the table says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tools.combinations import ROOT, Combination

SESSIONS: Mapping[str, Sequence[str]] = {
    "demo": ["demo"],
    "contract": ["tests", "--", "tests/strategies/test_contract.py"],
}
"""What is tried, by the name of its column: arguments of ``nox -s``."""

Run = Callable[[Combination, Sequence[str]], bool]


@dataclass(frozen=True)
class Row:
    """What one combination did, by the name of the column: an outcome and how long it took."""

    combination: Combination
    outcomes: Mapping[str, str]

    @property
    def failed(self) -> bool:
        return any(outcome.startswith("failed") for outcome in self.outcomes.values())


def nox(combination: Combination, arguments: Sequence[str]) -> bool:
    """Runs a session for that combination, in a process of its own: the choice is made when nox starts."""
    variables = {"WIDELOAD_PYTHON": combination.python, "WIDELOAD_TENSORFLOW": combination.tensorflow}
    command = [sys.executable, "-m", "nox", "-s", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=False).returncode == 0


def attempt(combinations: Iterable[Combination], run: Run = nox) -> list[Row]:
    return [Row(one, _outcomes(one, run)) for one in combinations]


def _outcomes(combination: Combination, run: Run) -> dict[str, str]:
    if combination.program() is None:
        return dict.fromkeys(SESSIONS, f"not tried: no python{combination.python} on the PATH")
    return {name: _timed(combination, arguments, run) for name, arguments in SESSIONS.items()}


def _timed(combination: Combination, arguments: Sequence[str], run: Run) -> str:
    start = time.monotonic()
    passed = run(combination, arguments)
    return f"{'passed' if passed else 'failed'} in {(time.monotonic() - start) / 60:.1f} min"


def table(rows: Iterable[Row]) -> str:
    """In Markdown."""
    lines = [["Python", "TensorFlow", *SESSIONS], ["---"] * (2 + len(SESSIONS))]
    lines += [[row.combination.python, row.combination.tensorflow, *row.outcomes.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
