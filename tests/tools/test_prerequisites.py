"""What a machine lacks is named all at once, with the line that brings it, before anything is begun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections import namedtuple
from pathlib import Path

import pytest

from tools import fresh, prerequisites

ROOT = Path(__file__).parents[2]
REFUSES = "#!/bin/sh\ncase $1 in --version) echo 'c++ (Debian 8.3.0-6) 8.3.0';; *) {says}; exit 1;; esac\n"
OLD = "echo \"c++: error: unrecognized command line option '-std=c++20'\" >&2"


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    folder.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A PATH without a compiler."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin")}


@pytest.fixture
def headless(tmp_path: Path) -> str:
    """A Python without headers, as python3 without python3-dev."""
    return str(
        program(
            tmp_path,
            "python",
            f"#!/bin/sh\nexec {sys.executable} -c 'import sysconfig\n"
            f'sysconfig.get_path = lambda name: "{tmp_path}/include"\nimport sys\nexec(sys.argv[1])\' "$2"\n',
        )
    )


def missing(environ: dict[str, str], tmp_path: Path, python: str = sys.executable) -> list[prerequisites.Missing]:
    return prerequisites.missing(python, tmp_path, tmp_path / "cache", environ)


def test_this_machine_lacks_nothing(tmp_path: Path) -> None:
    assert missing(dict(os.environ), tmp_path) == []


def test_a_machine_without_python_dev_is_told_so(tmp_path: Path, headless: str) -> None:
    (found,) = missing(dict(os.environ), tmp_path, headless)
    assert found.package.endswith("-dev")
    assert f"there is no {tmp_path}/include/Python.h" in found.what


def test_a_machine_without_a_compiler_is_told_so(tmp_path: Path, bare: dict[str, str]) -> None:
    (found,) = missing(bare, tmp_path)
    assert (found.package, "none of c++, g++, clang++" in found.what) == ("g++", True)


def test_a_compiler_that_is_too_old_is_named_with_its_version_and_its_error(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    program(tmp_path / "bin", "c++", REFUSES.format(says=OLD))
    (found,) = missing(bare, tmp_path)
    assert "bin/c++ is c++ (Debian 8.3.0-6) 8.3.0 and says: c++: error: unrecognized" in found.what
    assert (found.package, found.line) == ("g++-12", "export CC=gcc-12 CXX=g++-12")


def test_a_newer_compiler_that_is_there_under_another_name_is_proposed(tmp_path: Path, bare: dict[str, str]) -> None:
    program(tmp_path / "bin", "c++", REFUSES.format(says=OLD))
    program(tmp_path / "bin", "g++-13", "")
    (found,) = missing(bare, tmp_path)
    assert (found.package, found.line) == ("", "export CC=gcc-13 CXX=g++-13")


def test_a_compiler_without_the_c_library_s_headers_says_which_it_lacks(tmp_path: Path, bare: dict[str, str]) -> None:
    says = 'echo "c++: fatal error: bits/libc-header-start.h: No such file or directory" >&2'
    program(tmp_path / "bin", "c++", REFUSES.format(says=says))
    assert "bits/libc-header-start.h" in missing(bare, tmp_path)[0].what


def test_cxx_is_asked_before_the_path(tmp_path: Path, bare: dict[str, str]) -> None:
    (found,) = missing({**bare, "CXX": "no-such-compiler -O2"}, tmp_path)
    assert "there is no no-such-compiler" in found.what


def test_cxx_may_have_arguments(tmp_path: Path) -> None:
    assert missing({**os.environ, "CXX": "c++ -O2"}, tmp_path) == []


def test_a_python_without_ensurepip_is_told_so(tmp_path: Path) -> None:
    hidden = (
        f"#!/bin/sh\nexec {sys.executable} -c 'import importlib.util as u, sys\nfind = u.find_spec\n"
        'u.find_spec = lambda name: None if name == "ensurepip" else find(name)\nexec(sys.argv[1])\' "$2"\n'
    )
    (found,) = missing(dict(os.environ), tmp_path, str(program(tmp_path, "python", hidden)))
    assert found.package.endswith("-venv")


def test_a_full_disk_is_found_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(prerequisites.shutil, "disk_usage", lambda _: usage(9 << 30, 8 << 30, 1 << 30))
    found = missing(dict(os.environ), tmp_path)
    assert [one.what.partition(":")[0] for one in found] == ["room for the environment", "room for the temporary files"]
    assert "1.0 GiB free" in found[0].what


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(
        prerequisites.os, "access", lambda path, mode: path != tmp_path and real(path, mode)
    )  # for root
    (found,) = missing(dict(os.environ), tmp_path)
    assert (f"{tmp_path / 'cache'} cannot" in found.what, "XDG_CACHE_HOME" in found.line) == (True, True)


def test_everything_that_is_missing_is_in_one_message(tmp_path: Path, bare: dict[str, str], headless: str) -> None:
    text = prerequisites.explain(missing(bare, tmp_path, headless))
    assert text.count("\n  - ") == 2
    assert "apt-get install -y" in text
    assert {"g++", "-dev"} <= {part for word in text.split() for part in ("g++", "-dev") if word.endswith(part)}


def test_the_readme_asks_for_what_a_session_looks_for_and_git() -> None:
    line, _, _ = fresh.readme_lines()
    assert set(line.split()[2:]) == {*prerequisites.PACKAGES, "git"}


def test_a_session_refuses_before_it_downloads_anything(tmp_path: Path, bare: dict[str, str]) -> None:
    """As a newcomer meets it: nox itself, on what it needs of the repository, with no compiler to be found."""
    pytest.importorskip("nox", reason="nox is not in this environment")
    for name in ("noxfile.py", "pyproject.toml"):
        shutil.copy(fresh.ROOT / name, tmp_path)
    # Copies: links would lead the session to the environment of this checkout.
    for name in ("tools", "native", "constraints"):
        shutil.copytree(fresh.ROOT / name, tmp_path / name)
    line = [sys.executable, "-m", "nox", "-f", str(tmp_path / "noxfile.py"), "-s", "demo"]
    quiet = {"NOX_DEFAULT_VENV_BACKEND": "none", "HOME": str(tmp_path), **bare}
    done = subprocess.run(line, env=quiet, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "nothing was downloaded. Missing:" in done.stderr
    assert "apt-get install -y g++" in done.stderr
    assert not (tmp_path / ".nox").exists()


def test_the_environment_s_python_is_a_venv_s_too(tmp_path: Path) -> None:
    """nox runs in a venv: what is asked of that Python is asked of the one it stands on."""
    venv.create(tmp_path / "venv", with_pip=False)
    assert missing(dict(os.environ), tmp_path, str(tmp_path / "venv" / "bin" / "python")) == []


@pytest.mark.parametrize("name", ["my projects", "wideload-main (1)", "tab\there", "a;b", "it's", "a:b", "a&b"])
def test_a_path_where_nothing_can_be_built_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    reason = prerequisites.unusable(tmp_path / name / "wideload")
    assert name in reason
    assert "Move or clone it" in reason


@pytest.mark.parametrize("name", ["wideload", "wide-load_1.0+x", "größe", "@home,x=1%~"])
def test_other_paths_are_fine(name: str) -> None:
    assert prerequisites.unusable(Path("/srv") / name) == ""


@pytest.mark.slow
def test_a_session_says_so_before_anything_else_with_and_without_git(tmp_path: Path) -> None:
    copy = tmp_path / "my projects" / "wideload"
    copy.mkdir(parents=True)
    for name in ("noxfile.py", "pyproject.toml", "constraints", "tools"):
        (copy / name).symlink_to(ROOT / name)
    (copy / "tools").unlink()
    shutil.copytree(ROOT / "tools", copy / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "nox", "-s", "demo"]
    answer = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode != 0
    assert f"cannot handle: {copy}" in answer.stdout + answer.stderr
    assert not (copy / ".nox" / "env").exists()
