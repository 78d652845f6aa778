"""What the machine must have before the environment can be made, and the one line that brings what is missing.

::

    what                        for                                    Debian package
    a C++20 compiler            native/ and Horovod                    g++
    Python.h of the Python      native/python and Horovod              python3-dev
    venv and ensurepip          the environment                        python3-venv
    room on the disk            TensorFlow, mostly
    a cache one can write to    Horovod's wheel, built once

Everything else that a build needs (CMake, Ninja, an MPI) is a wheel from PyPI. All of it is looked for before anything
is downloaded, and all that is missing is named at once.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("g++", "python3-dev", "python3-venv")
"""Debian's names of all that :func:`missing` may name; with git, which brings the clone, the README's line."""

COMPILERS = ("c++", "g++", "clang++")
"""Where CMake looks when ``CXX`` is not set."""

NEWER_COMPILERS = tuple(f"g++-{version}" for version in range(30, 10, -1))
"""Names under which distributions install further compilers. GCC 11 is the oldest that was tried."""

CXX20 = """
#include <barrier>
#include <bit>
#include <concepts>
#include <cstdint>
#include <span>
template <std::integral T> constexpr T Twice(std::span<const T> values) { return 2 * values[0]; }
static_assert(std::bit_cast<std::uint32_t>(1.0F) == 0x3F800000U);
"""
"""What native/ uses of C++20 that a compiler of 2020 has not."""

ROOM = {"environment": 5 << 30, "temporary files": 3 << 29, "cache": 1 << 28}
"""Bytes wanted: an environment takes 3.1 GiB and its build folders a few hundred MiB more; pip keeps what it downloads,
1 GiB, in the folder for temporary files until all of it is there."""


_UNUSABLE = re.compile(r"""[\s:'"`$&;|<>()*?\[\]{}!#\\]""")
"""Characters that separate paths or mean something to a shell: PIP_CONSTRAINT and PATH are lists, mpicc is a script."""


@dataclass(frozen=True)
class Missing:
    """One thing that the machine lacks: a phrase, and what brings it (a Debian package, or another line to type)."""

    what: str
    package: str = ""
    line: str = ""


def missing(python: str, root: Path, cache: Path, environ: Mapping[str, str] = os.environ) -> list[Missing]:
    """All that stands in the way of an environment made by ``python`` below ``root``."""
    return [*_python(python), *_compiler(environ), *_room(root, cache)]


def unusable(root: Path) -> str:
    """Why nothing can be built below ``root``, whatever is installed; empty if it can."""
    found = sorted(set(_UNUSABLE.findall(str(root))))
    if not found:
        return ""
    return (
        f"The path of this project contains {' and '.join(map(repr, found))}, which pip's settings and MPI's compiler "
        f"wrappers cannot handle: {root}\nMove or clone it to a path without, for instance "
        f"{Path.home() / 'wideload'}. Nothing was downloaded."
    )


def explain(found: Sequence[Missing]) -> str:
    """The message for a person: everything that is missing, then the lines that bring it."""
    packages = list(dict.fromkeys(one.package for one in found if one.package))
    lines = list(dict.fromkeys(one.line for one in found if one.line))
    if packages:
        lines.insert(0, f"apt-get install -y {' '.join(packages)}    # on Debian or Ubuntu, as root")
    return "\n".join(
        [
            "The environment cannot be made yet, and nothing was downloaded. Missing:",
            *(f"  - {one.what}" for one in found),
            *(["To type:", *(f"  {line}" for line in lines)] if lines else []),
        ]
    )


# --------------------------------------------------------------------------------------------- Python

_ABOUT_PYTHON = """
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "header": os.path.join(sysconfig.get_path("include"), "Python.h"),
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "debian": sys.base_prefix == "/usr",
}))
"""


def _python(python: str) -> Iterator[Missing]:
    done = subprocess.run([python, "-c", _ABOUT_PYTHON], capture_output=True, text=True, check=True)
    about = json.loads(done.stdout)
    prefix = "python3" if not about["debian"] or _debian_default() == about["version"] else f"python{about['version']}"
    if not Path(about["header"]).exists():
        yield Missing(f"the headers of Python {about['version']}: there is no {about['header']}", f"{prefix}-dev")
    if not about["venv"]:
        yield Missing(f"the modules venv and ensurepip of Python {about['version']}", f"{prefix}-venv")


def _debian_default() -> str:
    """The version that the package python3 stands for: ``/usr/bin/python3 -> python3.11``."""
    return Path("/usr/bin/python3").resolve().name.removeprefix("python")


# ------------------------------------------------------------------------------------------- compiler


def _compiler(environ: Mapping[str, str]) -> Iterator[Missing]:
    path = environ.get("PATH")
    chosen = environ.get("CXX", "")
    command = shlex.split(chosen) or [name for name in COMPILERS if shutil.which(name, path=path)][:1]
    if not command:
        yield Missing(f"a C++20 compiler: none of {', '.join(COMPILERS)} is on the PATH", "g++")
    elif (program := shutil.which(command[0], path=path)) is None:
        yield Missing(f"the C++ compiler that CXX names: there is no {command[0]}", line="unset CXX CC")
    elif error := _compile([program, *command[1:]], environ):
        yield _too_old(program, error, path)


def _compile(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """The compiler's first error about :data:`CXX20`, nothing where it has none."""
    done = subprocess.run(
        [*command, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"],
        input=CXX20, capture_output=True, text=True, check=False, env={**environ, "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    lines = done.stderr.splitlines() or ["no error was given"]
    return next((line for line in lines if "error" in line), lines[0]).strip()


def _too_old(compiler: str, error: str, path: str | None) -> Missing:
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    name = next(iter(version.stdout.splitlines()), "").strip() or "of unknown version"
    what = f"a C++20 compiler (GCC 11 or later): {compiler} is {name} and says: {error}"
    for newer in NEWER_COMPILERS:
        if shutil.which(newer, path=path) and Path(compiler).name != newer:
            return Missing(what, line=_select(newer))
    return Missing(what, "g++-12", _select("g++-12"))


def _select(cxx: str) -> str:
    """``export CC=gcc-12 CXX=g++-12``."""
    return f"export CC={cxx.replace('g++', 'gcc')} CXX={cxx}"


# ----------------------------------------------------------------------------------------------- room


def _room(root: Path, cache: Path) -> Iterator[Missing]:
    if not os.access(_existing(cache), os.W_OK | os.X_OK):
        yield Missing(f"a cache that can be written: {cache} cannot", line="export XDG_CACHE_HOME=/a/folder/of/yours")
    places = {"environment": root, "temporary files": Path(tempfile.gettempdir()), "cache": _existing(cache)}
    for name, folder in places.items():
        free = shutil.disk_usage(folder).free
        if free < ROOM[name]:
            line = "export TMPDIR=/a/larger/folder" if name == "temporary files" else ""
            yield Missing(f"room for the {name}: {_gib(free)} free at {folder}, {_gib(ROOM[name])} needed", line=line)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
