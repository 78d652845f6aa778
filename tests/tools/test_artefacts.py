"""What is wrong with a source distribution or a wheel is found."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools import libraries
from tools.artefacts import METADATA, SOURCE, WHEEL, complaints, main, metadata_complaints

ABOUT = "".join(f"{field}: x\n" for field in METADATA) + "\nA description.\n"
INFO = "wideload-1.0.dist-info"
IN_WHEEL = dict.fromkeys(WHEEL, "x") | {
    "wideload/_native.cpython-311-x86_64-linux-gnu.so": "x",
    f"{INFO}/METADATA": ABOUT,
    f"{INFO}/licenses/LICENSE": "x",
    f"{INFO}/licenses/NOTICE": "x",
    f"{INFO}/entry_points.txt": "[console_scripts]\nwideload = wideload.harness.cli:main\n",
}


@pytest.fixture(autouse=True)
def sound_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in the wheels here are no libraries; test_libraries.py has some."""
    monkeypatch.setattr(libraries, "complaints", lambda path: iter(()))


def files(name: str) -> str:
    """A folder stands for a file in it."""
    return f"{name}file" if name.endswith("/") else name


def built(folder: Path, *, without: str = "", extra: str = "") -> Path:
    with tarfile.open(folder / "wideload-1.0.tar.gz", "w:gz") as source:
        for name in (*SOURCE, *([extra] if extra else [])):
            if name != without:
                source.addfile(tarfile.TarInfo(f"wideload-1.0/{files(name)}"), io.BytesIO())
    with zipfile.ZipFile(folder / "wideload-1.0-cp311-cp311-linux_x86_64.whl", "w") as wheel:
        for name, text in IN_WHEEL.items():
            if name != without:
                wheel.writestr(files(name), text)
    return folder


def test_complete_artefacts_are_accepted(tmp_path: Path) -> None:
    assert list(complaints(built(tmp_path), "1.0")) == []


@pytest.mark.parametrize("name", sorted({*SOURCE, *IN_WHEEL} - {f"{INFO}/entry_points.txt"}))
def test_whatever_is_missing_is_named(tmp_path: Path, name: str) -> None:
    (found,) = complaints(built(tmp_path, without=name), "1.0")
    assert "missing" in found


def test_a_path_that_leads_out_is_named(tmp_path: Path) -> None:
    (found,) = complaints(built(tmp_path, extra="../../etc/passwd"), "1.0")
    assert "leads out" in found


def test_a_library_that_asks_too_much_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        libraries, "complaints", lambda path: iter([f"{path.name} needs libfoo.so"] * ("mpich" in path.name))
    )
    (found,) = complaints(built(tmp_path), "1.0")
    assert found.endswith("libwideload_mpich.so needs libfoo.so")


def test_another_version_and_an_empty_folder_are_no_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(complaints(built(tmp_path), "2.0"))) == 2
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 1
    assert "expected one" in capsys.readouterr().out


@pytest.mark.parametrize("field", METADATA)
def test_metadata_must_have_what_an_index_shows(field: str) -> None:
    assert list(metadata_complaints(ABOUT)) == []
    assert list(metadata_complaints(ABOUT.replace(f"{field}: x\n", ""))) == [f"METADATA has no {field}"]
    assert "METADATA has no description" in list(metadata_complaints(ABOUT.partition("\n\n")[0]))
