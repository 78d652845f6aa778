"""What a shared library asks of the machine and what it shows to others, as binutils print it.

::

    search_paths    RUNPATH or RPATH    only "$ORIGIN...": a folder of the machine that built it means nothing elsewhere
    needed          NEEDED              libraries by name
    exported        defined symbols     of the core what is wideload's, of a module its one function

``complaints`` holds a library of wideload to that.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

EXPORTED = {
    "_native": r"PyInit__native",
    "libwideload_core": r"_Z.*N?K?8wideload.*",
    "libwideload_mpich": r"wideload_make_\w+",
    "libwideload_openmpi": r"wideload_make_\w+",
}
"""Patterns of the symbols that a library may show, by the first part of its name. The ops are left out: what they share
with TensorFlow's libraries must have one address in all of them."""

SYSTEM = r"lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so\.\d+|ld-linux-.*"
ASKED = {
    "_native": r"libwideload_core\.so",
    "libwideload_core": r"(?!)",
    "libwideload_mpich": r"libmpi\.so\.12",
    "libwideload_openmpi": r"libmpi\.so\.40",
    "libwideload_ops": r"libwideload_core\.so|libtensorflow_.*",
}
"""What a library may need beside the system's, by the first part of its name."""


def needed(library: Path) -> list[str]:
    """The names of the libraries that it needs."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", _print("readelf", "-d", library))


def search_paths(library: Path) -> list[str]:
    """The folders in which the loader looks for them first."""
    found = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", _print("readelf", "-d", library))
    return [folder for line in found for folder in line.split(":") if folder]


def exported(library: Path) -> list[str]:
    """The symbols that it defines for others."""
    return [line.split()[-1] for line in _print("nm", "-D", "--defined-only", library).splitlines()]


def complaints(library: Path) -> Iterator[str]:
    """What is wrong with a library of wideload, a line each."""
    kind = re.split(r"[.-]", library.name)[0]
    for folder in search_paths(library):
        if not folder.startswith("$ORIGIN"):
            yield f"{library.name} looks for libraries in {folder}"
    for name in needed(library):
        if not re.fullmatch(f"{SYSTEM}|{ASKED[kind]}", name):
            yield f"{library.name} needs {name}"
    if kind in EXPORTED:
        shown = [symbol for symbol in exported(library) if not re.fullmatch(EXPORTED[kind], symbol)]
        if shown:
            yield f"{library.name} shows {len(shown)} symbols that are not its own, among them {shown[0]}"


def _print(program: str, *arguments: str | Path) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
