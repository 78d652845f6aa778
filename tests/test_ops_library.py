"""The library of the TensorFlow ops is found, or built once; what stands in the way is named with the line to type.

The compiler here is a script that copies a library that was compiled before; ``nox -s dist`` runs a real one.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wideload import _native, ops_library
from wideload.errors import UnavailableError

VERSION = ops_library.tensorflow_version() or ""
INSTALLED = Path(_native.__file__).parent
IMPORT = "from wideload import ops; print(ops.unique_signs([7, 7, 9])[2].numpy())"


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation that was built without TensorFlow, and an empty cache; returns the folder of the cache."""
    bare = tmp_path / "wideload"
    shutil.copytree(INSTALLED, bare, ignore=shutil.ignore_patterns("libwideload_ops*"))
    monkeypatch.setattr(_native, "__file__", str(bare / Path(_native.__file__).name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A compiler that notes its arguments in a file beside it, and copies the library of this environment."""
    library = INSTALLED / f"libwideload_ops-{VERSION}.so"
    script = tmp_path / "compiler"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {script}.calls\ncat > {script}.input\nfor last; do :; done\ncp {library} "$last"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(script))
    return script


def test_the_ops_of_this_environment_are_found() -> None:
    found = ops_library.find(VERSION)
    assert found is not None
    assert ops_library.state() == str(found)
    assert ops_library.missing() == ""


def test_ops_of_another_tensorflow_are_not_those(nothing_built: Path) -> None:
    assert ops_library.find("0.1") is None


def test_ops_are_built_once_by_any_number_of_ranks(
    nothing_built: Path, compiler: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "on first use" in ops_library.state()
    with ThreadPoolExecutor(4) as ranks:
        (found,) = set(ranks.map(ops_library.obtain, [VERSION] * 4))
    assert found.is_relative_to(nothing_built)
    assert ops_library.find(VERSION) == found
    assert len(Path(f"{compiler}.calls").read_text().splitlines()) == 1
    assert capsys.readouterr().err.count(f"building its ops for TensorFlow {VERSION}") == 1


def test_the_compiler_gets_every_op_and_the_level_of_the_core(nothing_built: Path, compiler: Path) -> None:
    ops_library.obtain(VERSION)
    names = re.findall(r"(\w+)\.cpp", Path(f"{compiler}.input").read_text())
    expected = Path(__file__).parents[1] / "native" / "tf_ops"
    assert names == sorted(path.stem for path in expected.glob("*.cpp"))
    assert f"-march={_native.PROCESSOR_LEVEL}" in Path(f"{compiler}.calls").read_text()


def test_built_ops_compute(nothing_built: Path, compiler: Path) -> None:
    """In a process of its own: TensorFlow loads a library of ops once."""
    program = f"from wideload import _native; _native.__file__ = {_native.__file__!r}; {IMPORT}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=400, check=False)
    assert done.stdout.strip() == "[2 1]", done.stderr


def test_no_compiler_is_named_with_the_line_that_brings_one(
    nothing_built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", os.devnull)
    assert "`apt-get install g++`" in ops_library.missing()
    with pytest.raises(UnavailableError, match=r"no C\+\+ compiler \(c\+\+, g\+\+, clang\+\+\)"):
        ops_library.obtain(VERSION)


def test_a_compiler_that_fails_is_quoted(nothing_built: Path, compiler: Path) -> None:
    compiler.write_text("#!/bin/sh\necho 'x.h:1: error: no concepts here' >&2\nexit 1\n")
    with pytest.raises(UnavailableError, match=r"x\.h:1: error: no concepts here \((.*build\.log)\)") as raised:
        ops_library.obtain(VERSION)
    log = re.search(r"\((/.*build\.log)\)", str(raised.value))
    assert log is not None
    assert Path(log[1]).read_text().startswith(str(compiler))
    assert ops_library.find(VERSION) is None


def test_a_cache_that_cannot_be_written_is_named(
    nothing_built: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(compiler))
    with pytest.raises(UnavailableError, match="Set XDG_CACHE_HOME"):
        ops_library.obtain(VERSION)


def test_without_tensorflow_the_line_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_library, "_DISTRIBUTIONS", ("no-such-distribution",))
    assert "pip install 'wideload[tensorflow]'" in ops_library.missing()
    assert ops_library.state() == ops_library.missing()
