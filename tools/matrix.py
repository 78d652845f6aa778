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

from tools import horovod
from tools.combinations import ROOT, Combination

MPI = os.environ.get("WIDELOAD_MPI", "mpich")
SESSIONS: Mapping[str, Sequence[str]] = {
    "demo": ["demo"],
    "contract": ["tests", "--", "tests/strategies/test_contract.py"],
}
"""What is tried, by the name of its column: arguments of ``nox -s``."""
COLUMNS = (*SESSIONS, "horovod")

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


def horovod_is_there(combination: Combination) -> bool:
    return horovod.installed(combination.folder(MPI))


def attempt(
    combinations: Iterable[Combination], run: Run = nox, built: Callable[[Combination], bool] = horovod_is_there
) -> list[Row]:
    return [Row(one, _outcomes(one, run, built)) for one in combinations]


def _outcomes(combination: Combination, run: Run, built: Callable[[Combination], bool]) -> dict[str, str]:
    if combination.program() is None:
        return dict.fromkeys(COLUMNS, f"not tried: no python{combination.python} on the PATH")
    found = {name: _timed(combination, arguments, run) for name, arguments in SESSIONS.items()}
    return {**found, "horovod": "built" if built(combination) else "failed to build"}  # a demo goes on without it


def _timed(combination: Combination, arguments: Sequence[str], run: Run) -> str:
    start = time.monotonic()
    passed = run(combination, arguments)
    return f"{'passed' if passed else 'failed'} in {(time.monotonic() - start) / 60:.1f} min"


def table(rows: Iterable[Row]) -> str:
    """In Markdown."""
    lines = [["Python", "TensorFlow", *COLUMNS], ["---"] * (2 + len(COLUMNS))]
    lines += [[row.combination.python, row.combination.tensorflow, *row.outcomes.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
