"""Horovod, built from source once into a wheel, against the Python, the TensorFlow and the MPI of an environment.

Ninja (a wheel) does what ``make`` would: ``CMAKE_GENERATOR`` chooses it, a blank ``MAKEFLAGS`` and ``--quiet`` keep
Horovod's setup.py from passing on make's own arguments (``-j8 VERBOSE=1``), which Ninja does not know.

Horovod 0.28.1 is older than the compilers and TensorFlows that it meets here, so its source is mended:

- Stub headers stand before TensorFlow's. ``xla_mpi_ops.cc`` includes seven of XLA's, of which TensorFlow 2.21 no longer
  brings all and of which it uses none without a GPU; empty ones compile, and faster.
- Three standard headers that it forgot are included for it; GCC 13 no longer brings them by chance.
- One line of its copy of flatbuffers assigns a const member; GCC 14 refuses it, and nothing calls it.

A build that failed leaves its log in the environment, where ``wideload list`` finds it, and is tried again next time.
While one runs, the log has another name.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.prerequisites import COMPILERS

VERSION = "0.28.1"
LOG = "wideload-horovod.log"
"""In the environment's folder while the last build there has failed; strategies/horovod.py looks for it."""
RUNNING = "wideload-horovod.running"
"""There while a build runs, and after one that was interrupted."""

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


ALONE = ["--no-deps", "--no-build-isolation", "--no-cache-dir"]
QUIET = ["--config-settings=--global-option=--quiet"]

STUBS = (
    "tf2xla/xla_op_kernel.h",
    "tf2xla/xla_op_registry.h",
    "xla/client/xla_builder.h",
    "xla/service/custom_call_target_registry.h",
    "xla/service/hlo.pb.h",
    "xla/shape.h",
    "xla/xla_data.pb.h",
)
"""Below ``tensorflow/compiler``."""

FORGOTTEN = ("string", "cstdint", "stdexcept")

FLATBUFFERS = Path("third_party") / "flatbuffers" / "include" / "flatbuffers" / "stl_emulation.h"

_ASSIGNS_CONST = "    count_ = other.count_;\n"


def prepare(source: Path, stubs: Path) -> None:
    """Mends the unpacked source and writes the stub headers below ``stubs``."""
    header = source / FLATBUFFERS
    text = header.read_text(encoding="utf-8")
    if _ASSIGNS_CONST not in text:
        raise ValueError(f"{header} is not the file of Horovod {VERSION}: it has no line {_ASSIGNS_CONST.strip()!r}.")
    header.write_text(text.replace(_ASSIGNS_CONST, "", 1), encoding="utf-8")
    for name in STUBS:
        stub = stubs / "tensorflow" / "compiler" / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.touch()


def compiler(stubs: Path, environ: Mapping[str, str]) -> str:
    """``CXX`` for the build: in front of CMake's flags, since the stubs must be found before TensorFlow's headers."""
    chosen = environ.get("CXX") or next(filter(shutil.which, COMPILERS), COMPILERS[0])
    return " ".join([chosen, f"-I{shlex.quote(str(stubs))}", *(f"-include {name}" for name in FORGOTTEN)])


def installed(environment: Path) -> bool:
    return any(environment.glob(f"lib/python3.*/site-packages/horovod-{VERSION}.dist-info"))


def install(environment: Path, wheels: Path, variables: Mapping[str, str]) -> str:
    """Installs Horovod from ``wheels``, the folder for what it is built against; first builds it into that if need be.

    Returns:
        What went wrong, in three lines; nothing where it is installed.
    """
    (environment / LOG).unlink(missing_ok=True)
    log = environment / RUNNING
    if not list(wheels.glob("horovod-*.whl")) and not _build(environment, wheels, variables, log):
        return _explain(log)
    if not _pip(environment, ["install", "--no-deps", *map(str, wheels.glob("horovod-*.whl"))], variables, log):
        return _explain(log)
    log.unlink()
    return ""


def _build(environment: Path, wheels: Path, variables: Mapping[str, str], log: Path) -> bool:
    wheels.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{wheels.name}.", dir=wheels.parent) as name:
        source = _source(environment, Path(name), variables, log)
        if source is None:
            return False
        prepare(source, Path(name) / "stubs")
        settings = {**variables, **SETTINGS, "CXX": compiler(Path(name) / "stubs", {**os.environ, **variables})}
        if not _pip(environment, ["wheel", *ALONE, *QUIET, str(source), "-w", name], settings, log):
            return False
        wheels.mkdir(exist_ok=True)
        for wheel in Path(name).glob("*.whl"):
            wheel.replace(wheels / wheel.name)
    return True


def _source(environment: Path, folder: Path, variables: Mapping[str, str], log: Path) -> Path | None:
    """Horovod's source, downloaded and unpacked below ``folder``; nothing where that failed."""
    command = ["download", *ALONE, "--no-binary=horovod", f"horovod=={VERSION}", "-d", str(folder)]
    if not _pip(environment, command, {**variables, **SETTINGS}, log):
        return None
    with tarfile.open(folder / f"horovod-{VERSION}.tar.gz") as archive:
        # Debian 12's Python 3.11.2 has no filters; later ones warn where none is chosen.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(folder)  # noqa: S202 - a release that pip has verified
    return folder / f"horovod-{VERSION}"


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


def _explain(running: Path) -> str:
    log = running.replace(running.with_name(LOG))
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
