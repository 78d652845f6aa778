"""Horovod, built from source once into a wheel, against the Python, the TensorFlow and the MPI of an environment.

Ninja (a wheel) does what ``make`` would: ``CMAKE_GENERATOR`` chooses it, a blank ``MAKEFLAGS`` and ``--quiet`` keep
Horovod's setup.py from passing on make's own arguments (``-j8 VERBOSE=1``), which Ninja does not know.

A build that failed leaves its log in the environment, where ``wideload list`` finds it, and is tried again next time.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

VERSION = "0.28.1"
LOG = "wideload-horovod.log"
"""In the environment's folder while the last build there has failed; strategies/horovod.py looks for it."""

SETTINGS = {
    "HOROVOD_WITH_TENSORFLOW": "1",
    "HOROVOD_WITHOUT_PYTORCH": "1",
    "HOROVOD_WITHOUT_MXNET": "1",
    "HOROVOD_WITH_MPI": "1",
    "HOROVOD_WITHOUT_GLOO": "1",
    "CMAKE_GENERATOR": "Ninja",
    "MAKEFLAGS": " ",
    "LDFLAGS": "-Wl,-rpath,$ORIGIN/../../../..",  # the MPI of whichever environment it is installed in
}


def installed(environment: Path) -> bool:
    return any(environment.glob(f"lib/python3.*/site-packages/horovod-{VERSION}.dist-info"))


def install(environment: Path, wheels: Path, variables: Mapping[str, str]) -> str:
    """Installs Horovod from ``wheels``, the folder for what it is built against; first builds it into that if need be.

    Returns:
        What went wrong, in three lines; nothing where it is installed.
    """
    log = environment / LOG
    if not list(wheels.glob("horovod-*.whl")) and not _build(environment, wheels, variables, log):
        return _explain(log)
    if not _pip(environment, ["install", "--no-deps", *map(str, wheels.glob("horovod-*.whl"))], variables, log):
        return _explain(log)
    log.unlink()
    return ""


def _build(environment: Path, wheels: Path, variables: Mapping[str, str], log: Path) -> bool:
    wheels.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{wheels.name}.", dir=wheels.parent) as building:
        options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--config-settings=--global-option=--quiet"]
        command = ["wheel", *options, f"horovod=={VERSION}", "-w", building]
        if not _pip(environment, command, {**variables, **SETTINGS}, log):
            return False
        wheels.mkdir(exist_ok=True)
        for wheel in Path(building).glob("*.whl"):
            wheel.replace(wheels / wheel.name)
    return True


def _pip(environment: Path, arguments: list[str], variables: Mapping[str, str], log: Path) -> bool:
    command = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    return done.returncode == 0


def _explain(log: Path) -> str:
    return "\n".join(
        [
            "Horovod could not be built; the other strategies run, and the next session tries it again. What it said:",
            f"  {first_error(log.read_text(encoding='utf-8', errors='replace'))}",
            f"  All of it: {log}",
        ]
    )


_ERROR = r"\berror\b:?|No space left|Killed"
_PIP_S_OWN = "subprocess-exited|finished with status"  # stands above the output of the build, whatever went wrong in it


def first_error(output: str) -> str:
    """The first line of a build's output that says what went wrong; CMake says it in the line after."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if re.search(_ERROR, line, re.IGNORECASE) and not re.search(_PIP_S_OWN, line):
            follows = lines[number + 1 : number + 2] if line.endswith(":") or "CMake Error at" in line else []
            return " ".join([line, *follows])
    return lines[-1] if lines else "nothing"
