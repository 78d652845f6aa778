"""Which Python and which TensorFlow an environment is made of.

::

    Python        the one that runs nox, or WIDELOAD_PYTHON (3.13): any of PYTHONS
    TensorFlow    WIDELOAD_TENSORFLOW (2.21), or the first of TENSORFLOWS that has wheels for that Python

Every TensorFlow has a file of constraints of its own, which pins it and all that goes with it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TENSORFLOWS = {"2.18": ("3.11", "3.12"), "2.21": ("3.11", "3.12", "3.13")}
"""The Pythons that each TensorFlow has wheels for; the default comes first, the one whose whole suite is run."""

PYTHONS = tuple(dict.fromkeys(python for pythons in TENSORFLOWS.values() for python in pythons))


@dataclass(frozen=True)
class Combination:
    """A Python and a TensorFlow that meet."""

    python: str
    tensorflow: str

    @property
    def constraints(self) -> Path:
        return ROOT / "constraints" / f"tensorflow-{self.tensorflow}.txt"

    @property
    def suffix(self) -> str:
        """What sets it apart from the default of the Python that runs nox, for names of folders."""
        parts = []
        if self.python != preferred_python():
            parts.append(f"python{self.python}")
        if self.tensorflow != preferred_tensorflow(self.python):
            parts.append(f"tensorflow{self.tensorflow}")
        return "".join(f"-{part}" for part in parts)

    def variant(self, mpi: str) -> str:
        """What the names of its environment and its build folder end in, with an MPI."""
        return self.suffix + ("" if mpi == "mpich" else f"-{mpi}")

    def folder(self, mpi: str) -> Path:
        """Its environment."""
        return ROOT / ".nox" / f"env{self.variant(mpi)}"

    def program(self) -> str | None:
        """A Python of that version: the one that runs nox, or one on the PATH."""
        return sys.executable if running() == self.python else on_path(self.python)


def choose(environ: Mapping[str, str], running: str = "") -> Combination:
    """What ``environ`` asks for, with defaults where it says nothing.

    Raises:
        ValueError: there is no such combination; the message names those that there are.
    """
    python = environ.get("WIDELOAD_PYTHON") or preferred_python(running)
    if python not in PYTHONS:
        raise ValueError(f"WIDELOAD_PYTHON={python!r} is not one of {', '.join(PYTHONS)}.")
    tensorflow = environ.get("WIDELOAD_TENSORFLOW") or preferred_tensorflow(python)
    if tensorflow not in TENSORFLOWS:
        raise ValueError(f"WIDELOAD_TENSORFLOW={tensorflow!r} is not one of {', '.join(TENSORFLOWS)}.")
    if python not in TENSORFLOWS[tensorflow]:
        raise ValueError(
            f"TensorFlow {tensorflow} has no wheels for Python {python}, "
            f"only for {', '.join(TENSORFLOWS[tensorflow])}. "
            "Unset WIDELOAD_TENSORFLOW, or set WIDELOAD_PYTHON to one of these."
        )
    return Combination(python, tensorflow)


def of_environ(environ: Mapping[str, str]) -> tuple[Combination, str]:
    """What ``environ`` asks for; where there is no such thing, the default and what to tell the person."""
    try:
        return choose(environ), ""
    except ValueError as error:
        return choose({}), str(error)


def preferred_tensorflow(python: str) -> str:
    return next(tensorflow for tensorflow, pythons in TENSORFLOWS.items() if python in pythons)


def preferred_python(version: str = "") -> str:
    """The Python that runs nox; where wideload does not know that one, the first known one on the PATH."""
    version = version or running()
    if version in PYTHONS:
        return version
    return next(filter(on_path, PYTHONS), PYTHONS[0])


def on_path(version: str) -> str | None:
    """A Python of that version on the PATH that runs: a shim may stand for a version that is not active."""
    program = shutil.which(f"python{version}")
    works = program and subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0
    return program if works else None


def running() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def all_combinations() -> list[Combination]:
    return [Combination(python, tensorflow) for tensorflow, pythons in TENSORFLOWS.items() for python in pythons]
