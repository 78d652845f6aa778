"""The library of the TensorFlow ops: found beside the native module, or built once for the TensorFlow that is there.

::

    wideload/libwideload_ops-2.18.1.so                      installed where wideload was built with a TensorFlow
    CACHE/ops/tensorflow-2.18.1-KEY/libwideload_ops.so      built on first use
                                    .lock                   held while it is built, by one of any number of ranks
                                    build.log               what the compiler said, if it failed

A library fits one version of TensorFlow, whose ABI it is compiled against. ``KEY`` is a digest of all else that a built
one depends on: the sources, which a wheel carries (``wideload/native``), and the level of the processor, so that a home
folder may be shared by machines of several kinds.

Importing this module imports neither TensorFlow nor the native module.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from wideload import files
from wideload.errors import UnavailableError

COMPILERS = ("c++", "g++", "clang++")
"""Where a compiler is looked for when ``CXX`` is not set."""

FLAGS = (
    *("-std=c++20", "-O3", "-DNDEBUG", "-w", "-shared", "-fPIC"),
    *("-ffp-contract=off", "-fno-math-errno", "-fopenmp-simd"),
)
"""As native/CMakeLists.txt has them; the ops must give the same bits however they were built."""

_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu")


def tensorflow_version() -> str | None:
    """The version of the TensorFlow that is installed, which is not imported."""
    found = (distribution.version for name in _DISTRIBUTIONS for distribution in metadata.distributions(name=name))
    return next(found, None)


def find(version: str) -> Path | None:
    """The library for a version of TensorFlow, if it is installed or was built."""
    installed = _native_folder() / f"libwideload_ops-{version}.so"
    if installed.exists():
        return installed
    built = _cached(version)  # reads all sources, at every import where nothing is installed
    return built if built.exists() else None


def state() -> str:
    """Where the ops for the TensorFlow that is installed are, or what becomes of them on first use."""
    version = tensorflow_version()
    found = None if version is None else find(version)
    if found is not None:
        return str(found)
    return missing() or f"built on first use, with {shlex.join(compiler() or [])}"


def missing() -> str:
    """Why there are no ops for the TensorFlow that is installed; empty if there are, or if they can be built."""
    version = tensorflow_version()
    if version is None:
        return "TensorFlow is not installed: run `pip install 'wideload[tensorflow]'`."
    if find(version) is not None or compiler() is not None:
        return ""
    return (
        f"the TensorFlow ops are built on first use, and there is no C++ compiler ({_looked_for()}): "
        "run `apt-get install g++`, or set CXX."
    )


def obtain(version: str) -> Path:
    """The library for the TensorFlow that is imported; it is built if need be, which takes a minute, once.

    Raises:
        UnavailableError: there is no compiler, or it failed; the message says what to do.
    """
    return find(version) or _built(version)


def compiler() -> list[str] | None:
    """The command of the C++ compiler, or None where there is none."""
    chosen = os.environ.get("CXX")
    if chosen:
        command = shlex.split(chosen)
        return command if shutil.which(command[0]) else None
    found = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    return [found] if found else None


def _built(version: str) -> Path:
    library = _cached(version)
    with _lock(library.parent):
        if not library.exists():
            _build(version, library)
    return library


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Makes the folder, and waits until no other process builds in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UnavailableError(
            f"the TensorFlow ops cannot be kept: {error}. Set XDG_CACHE_HOME to a folder that can be written."
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(version: str, library: Path) -> None:
    command = compiler()
    if command is None:
        raise UnavailableError(missing())
    sys.stderr.write(
        f"wideload: building its ops for TensorFlow {version} with {shlex.join(command)}: once, about a minute\n"
    )
    partial = files.partial_file(library)
    done = subprocess.run(
        [*command, *_arguments(partial)], input=_one_unit(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        partial.unlink(missing_ok=True)
        log = library.with_name("build.log")
        files.write(log, f"{shlex.join([*command, *_arguments(partial)])}\n{done.stdout}{done.stderr}")
        raise UnavailableError(
            f"the TensorFlow ops did not build with {shlex.join(command)}: {_first_error(done.stderr)} ({log}). "
            "GCC 11 is the oldest compiler that was tried; CXX chooses another one."
        )
    files.publish(partial, library)


def _arguments(output: Path) -> list[str]:
    """Compiles standard input. No folder is named: the core and TensorFlow's libraries are loaded before this one."""
    import tensorflow as tf

    folder = _native_folder()
    core = ["-x", "none", str(folder / "libwideload_core.so")]
    headers = ["-I", str(folder / "native"), *tf.sysconfig.get_compile_flags()]
    return [*headers, *FLAGS, *_march(), "-x", "c++", "-", *core, *tf.sysconfig.get_link_flags(), "-o", str(output)]


def _one_unit() -> str:
    """All ops as one file, since most of the time goes into TensorFlow's headers."""
    return "".join(f'#include "{path}"\n' for path in sorted((_native_folder() / "native" / "tf_ops").glob("*.cpp")))


def _march() -> list[str]:
    from wideload._native import PROCESSOR_LEVEL

    return [f"-march={PROCESSOR_LEVEL}"] if PROCESSOR_LEVEL.startswith("x86-64") else []


def _cached(version: str) -> Path:
    digest = hashlib.sha256(" ".join((*FLAGS, *_march())).encode())
    for path in sorted((_native_folder() / "native").rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return files.cache_folder() / "ops" / f"tensorflow-{version}-{digest.hexdigest()[:16]}" / "libwideload_ops.so"


def _native_folder() -> Path:
    from wideload import _native

    return Path(_native.__file__).parent


def _looked_for() -> str:
    return os.environ.get("CXX") or ", ".join(COMPILERS)


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()] or ["no message"]
    return next((line for line in lines if "error" in line), lines[-1])
