"""The libraries of this build ask for nothing of the machine that built it; those that do are named."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tools import libraries
from wideload import _native

BUILT = sorted(Path(_native.__file__).parent.rglob("*.so"))


@pytest.mark.parametrize("library", BUILT, ids=lambda path: path.name)
def test_the_libraries_of_this_build_are_sound(library: Path) -> None:
    assert list(libraries.complaints(library)) == []


def test_the_core_needs_no_mpi_and_the_transport_does() -> None:
    needed = {library.name: libraries.needed(library) for library in BUILT}
    assert not any("libmpi" in name for name in needed["libwideload_core.so"])
    transports = [names for library, names in needed.items() if "mpi" in library]
    assert transports
    assert all(any(name.startswith("libmpi.so") for name in names) for names in transports)


def test_a_library_that_shows_other_symbols_is_named(tmp_path: Path) -> None:
    """What CPython itself was linked with shows symbols that are not wideload's."""
    extension = next(Path(sys.modules["_ctypes"].__file__ or "").parent.glob("_ctypes.*.so"))
    stranger = shutil.copy(extension, tmp_path / "libwideload_core.so")
    (found,) = [line for line in libraries.complaints(Path(stranger)) if "shows" in line]
    assert "PyInit__ctypes" in found


def test_a_library_that_needs_another_one_is_named(tmp_path: Path) -> None:
    transport = next(library for library in BUILT if "mpi" in library.name)
    stranger = Path(shutil.copy(transport, tmp_path / "libwideload_core.so"))
    assert any("needs libmpi.so" in line for line in libraries.complaints(stranger))


def test_a_folder_of_this_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = " 0x1d (RUNPATH)            Library runpath: [/home/me/lib:$ORIGIN/..]\n"
    monkeypatch.setattr(libraries, "_print", lambda program, *arguments: printed if program == "readelf" else "")
    assert list(libraries.complaints(tmp_path / "_native.so")) == ["_native.so looks for libraries in /home/me/lib"]
