"""``python -m tools.artefacts FOLDER``: whether the source distribution and the wheel in a folder are fit for release.

::

    one wideload-VERSION.tar.gz and one wideload-VERSION-*.whl, of the version in pyproject.toml
    both hold the licences, and what is not a module: templates, styles, the Census data
    the wheel holds the compiled module, its stub and the command, and no path leads out of its folder
    its libraries are there for every MPI and level of the processor, and ask for nothing that only one machine has
    the sources of the TensorFlow ops are in it
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from pathlib import Path

from tools import libraries

ROOT = Path(__file__).resolve().parents[1]
CARRIED = (
    "reports/html/static/vendor/plotly-basic.min.js",
    "reports/html/static/report.css",
    "reports/html/templates/page.html.j2",
    "datasets/census_income/",
    "strategies/contract.py",
    "harness/contract.py",
)
"""In both, below the package's folder in the wheel; a name that ends in ``/`` is a folder with something in it."""
SOURCE = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "native/CMakeLists.txt", *CARRIED)
LIBRARIES = (
    "libwideload_core.so",
    "glibc-hwcaps/x86-64-v3/libwideload_core.so",
    "glibc-hwcaps/x86-64-v4/libwideload_core.so",
    "libwideload_mpich.so",
    "libwideload_openmpi.so",
)
OPS = ("native/tf_ops/unique_op.cpp", "native/table/unique.h", "native/cluster/ps_cluster.h")
WHEEL = ("wideload/_native.pyi", "wideload/py.typed", *(f"wideload/{name}" for name in (*CARRIED, *LIBRARIES, *OPS)))
METADATA = ("Name", "Version", "Summary", "License-Expression", "Requires-Python", "Description-Content-Type")


def complaints(folder: Path, version: str) -> Iterator[str]:
    """What is wrong with the artefacts, a line each."""
    yield from _checked(folder, f"wideload-{version}.tar.gz", source_complaints)
    yield from _checked(folder, f"wideload-{version}-*.whl", wheel_complaints)


def _checked(folder: Path, pattern: str, check: Callable[[Path], Iterator[str]]) -> Iterator[str]:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        yield f"{folder}: expected one {pattern}, found {len(found)}"
    for path in found:
        yield from (f"{path.name}: {complaint}" for complaint in check(path))


def source_complaints(path: Path) -> Iterator[str]:
    """What is wrong with a source distribution."""
    with tarfile.open(path) as archive:
        names = [member.name for member in archive.getmembers()]
    top = path.name.removesuffix(".tar.gz")
    yield from _unsafe(names)
    yield from (f"{name} lies outside of {top}/" for name in names if name.partition("/")[0] != top)
    yield from _missing([name.partition("/")[2] for name in names], SOURCE)


def wheel_complaints(path: Path) -> Iterator[str]:
    """What is wrong with a wheel."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if damaged := archive.testzip():
            yield f"{damaged} is damaged"
        info = "-".join(path.name.split("-")[:2]) + ".dist-info/"
        yield from _unsafe(names)
        yield from _missing(names, (*WHEEL, f"{info}METADATA", f"{info}licenses/LICENSE", f"{info}licenses/NOTICE"))
        if not any(name.startswith("wideload/_native.") and name.endswith(".so") for name in names):
            yield "the compiled module is missing"
        if f"{info}METADATA" in names:
            yield from metadata_complaints(archive.read(f"{info}METADATA").decode())
        yield from _library_complaints(archive)
        if b"wideload = wideload.harness.cli:main" not in archive.read(f"{info}entry_points.txt"):
            yield "the command is missing"


def _library_complaints(archive: zipfile.ZipFile) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name in archive.namelist():
            if name.endswith(".so"):
                yield from libraries.complaints(Path(archive.extract(name, folder)))


def metadata_complaints(text: str) -> Iterator[str]:
    """Fields that an index shows and that are missing."""
    metadata = HeaderParser().parsestr(text)
    yield from (f"METADATA has no {field}" for field in METADATA if not metadata.get(field))
    if not str(metadata.get_payload()).strip():
        yield "METADATA has no description"


def _missing(names: list[str], expected: tuple[str, ...]) -> Iterator[str]:
    for wanted in expected:
        if not any(
            name.startswith(wanted) and len(name) > len(wanted) if wanted.endswith("/") else name == wanted
            for name in names
        ):
            yield f"{wanted} is missing"


def _unsafe(names: list[str]) -> Iterator[str]:
    yield from (f"{name} leads out" for name in names if name.startswith("/") or ".." in name.split("/"))


def main(arguments: list[str]) -> int:
    """Prints what is wrong; 1 when anything is."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    found = list(complaints(Path(arguments[0]), version))
    print("\n".join(found) or f"wideload {version}: source distribution and wheel are complete")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
