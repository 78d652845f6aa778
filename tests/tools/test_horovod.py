"""A build of Horovod that fails costs Horovod alone, says why in three lines, and is tried again."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from tools import horovod
from tools.environment import Part
from wideload.strategies import horovod as strategy

CMAKE = """
  running build_ext
  CMake Error at CMakeLists.txt:3 (project):
    Generator Ninja does not support something

  subprocess.CalledProcessError: Command '['cmake']' returned non-zero exit status 1.
  [end of output]
error: subprocess-exited-with-error
"""


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """An environment whose pip does what ``pip.sh`` says: by default, fails as a build does."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    python = tmp_path / "env" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec sh {tmp_path}/pip.sh "$@"\n')
    python.chmod(0o755)
    (tmp_path / "cmake.txt").write_text(CMAKE)
    (tmp_path / "pip.sh").write_text(f"cat {tmp_path}/cmake.txt; exit 1\n")
    return tmp_path / "env"


def unpacked(folder: Path) -> Path:
    """What matters here of Horovod's source."""
    header = folder / f"horovod-{horovod.VERSION}" / horovod.FLATBUFFERS
    header.parent.mkdir(parents=True)
    header.write_text("    data_ = other.data_;\n    count_ = other.count_;\n")
    return folder / f"horovod-{horovod.VERSION}"


def mend(env: Path) -> None:
    """From now on pip puts the source or a wheel where it is told to, and installs it."""
    source = unpacked(env.parent / "source")
    shutil.make_archive(str(env.parent / source.name), "gztar", source.parent, source.name)
    site = env / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    (env.parent / "pip.sh").write_text(
        'for word in "$@"; do last=$word; done\n'
        f'case "$*" in *" download "*) cp {env.parent / source.name}.tar.gz "$last";;\n'
        f'*" wheel "*) echo "$CXX" > {env.parent}/cxx; echo wheel > "$last/horovod-0.28.1-cp311.whl";;\n'
        f"*) mkdir -p {site}/horovod-0.28.1.dist-info;; esac\n"
    )


def install(env: Path) -> str:
    return horovod.install(env, env.parent / "wheels" / "key", dict(os.environ))


def test_a_failure_is_told_in_three_lines_that_name_the_log(env: Path) -> None:
    lines = install(env).splitlines()
    assert len(lines) == 3
    assert "Generator Ninja does not support something" in lines[1]
    assert str(env / horovod.LOG) in lines[2]


def test_what_is_advised_after_a_failure_is_where_to_look_and_what_to_run(env: Path) -> None:
    install(env)
    assert f"({env / strategy.BUILD_LOG})" in strategy.remedy(env)
    assert "`nox -s demo`" in strategy.remedy(env)


def test_a_failed_build_is_tried_again_and_a_mended_one_leaves_no_trace(env: Path) -> None:
    part = Part("horovod", [], lambda _: not install(env), present=lambda: horovod.installed(env), folder=env)
    shared = Mock()
    part.update(shared)
    assert not part.current
    mend(env)
    part.update(shared)
    assert part.current
    assert horovod.installed(env)
    assert not (env / horovod.LOG).exists()
    assert not (env / horovod.RUNNING).exists()
    assert list((env.parent / "wheels" / "key").glob("*.whl"))


def test_nothing_of_a_build_stays_in_the_cache_but_its_wheel(env: Path) -> None:
    install(env)
    mend(env)
    install(env)
    assert [path.name for path in (env.parent / "wheels").iterdir()] == ["key"]


def test_the_source_is_mended_and_the_stubs_come_before_tensorflow_s_headers(env: Path) -> None:
    mend(env)
    install(env)
    compiler, *flags = (env.parent / "cxx").read_text().split()
    assert shutil.which(compiler)
    assert flags[0].startswith("-I")
    assert flags[1:] == ["-include", "string", "-include", "cstdint", "-include", "stdexcept"]


def test_only_the_line_that_does_not_compile_is_taken_out(tmp_path: Path) -> None:
    source = unpacked(tmp_path)
    horovod.prepare(source, tmp_path / "stubs")
    assert (source / horovod.FLATBUFFERS).read_text() == "    data_ = other.data_;\n"
    assert len([path for path in (tmp_path / "stubs").rglob("*.h") if not path.read_text()]) == 7
    with pytest.raises(ValueError, match="is not the file of Horovod"):
        horovod.prepare(source, tmp_path / "stubs")


def test_a_compiler_that_was_chosen_stays_chosen() -> None:
    assert horovod.compiler(Path("/a b"), {"CXX": "ccache g++-13"}).startswith("ccache g++-13 -I'/a b' -include string")


def test_an_environment_that_nox_made_is_told_to_run_nox_any_other_how_to_build(tmp_path: Path) -> None:
    assert "CONTRIBUTING.md" in strategy.remedy(tmp_path)
    (tmp_path / "wideload-packages.stamp").touch()
    assert strategy.remedy(tmp_path) == "run `nox -s demo`, which builds it"


def test_while_it_is_being_built_no_failure_is_reported(env: Path) -> None:
    install(env)
    mend(env)
    with (env.parent / "pip.sh").open("a") as pip:
        pip.write(f"ls {env} >> {env.parent}/seen\n")
    install(env)
    seen = (env.parent / "seen").read_text().split()
    assert horovod.RUNNING in seen
    assert horovod.LOG not in seen


def test_a_build_that_was_interrupted_is_told_to_run_again(env: Path) -> None:
    (env / horovod.RUNNING).touch()
    assert "being built, or that was interrupted" in strategy.remedy(env)
    assert "`nox -s demo`" in strategy.remedy(env)


def test_the_logs_have_one_name_each() -> None:
    assert (horovod.LOG, horovod.RUNNING) == (strategy.BUILD_LOG, strategy.RUNNING_LOG)


@pytest.mark.parametrize(("output", "error"), [
    (CMAKE, "CMake Error at CMakeLists.txt:3 (project): Generator Ninja does not support something"),
    ("a.cc:3:1: error: no such thing\nb", "a.cc:3:1: error: no such thing"),
    ("ERROR: Failed building wheel", "ERROR: Failed building wheel"),
    ("cc1plus: out of memory\nfatal error: Killed signal", "fatal error: Killed signal"),
    ("  Building wheel for horovod: finished with status 'error'\n  error: subprocess-exited-with-error\n"
     "      CMake Error at a.cmake:233 (message):\n        Could NOT find CUDAToolkit\n",
     "CMake Error at a.cmake:233 (message): Could NOT find CUDAToolkit"),
    ("one\ntwo\n", "two"),
    ("", "nothing"),
])  # fmt: skip
def test_the_first_error_of_a_log_is_found(output: str, error: str) -> None:
    assert horovod.first_error(output) == error
