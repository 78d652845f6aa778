"""Programs that are not on PyPI: Debian's packages, used where they are, installed where that is allowed.

As root on Debian or Ubuntu a session installs what it needs, announced, unless ``WIDELOAD_APT=no``. Otherwise what
needs them is skipped, with the line that would install them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import nox

ROOT_USER = os.geteuid() == 0
CHROMIUM = ["chromium"]
GTEST = ["libgtest-dev"]
BENCHMARK = ["libbenchmark-dev", "libabsl-dev", "libboost1.81-dev"]
FUZZ = ["clang-16", "libclang-rt-16-dev"]  # Debian's default, 14, does not compile C++20 ranges with libstdc++ 12
POSTGRES = ["postgresql"]
NETWORK = ["iproute2"] if ROOT_USER else []  # network namespaces, which only root can make
FRESH = ["debootstrap"] if ROOT_USER else []  # a machine in a folder, likewise
SLURM = ["slurm-wlm", "munge"] if ROOT_USER else []  # a cluster on loopback, likewise
TESTS = [*CHROMIUM, *POSTGRES, *NETWORK, *FRESH, *SLURM]
MARKERS = {  # a Debian package and what proves that it is there
    "chromium": "/usr/bin/chromium",
    "debootstrap": "/usr/sbin/debootstrap",
    "libgtest-dev": "/usr/include/gtest/gtest.h",
    "libbenchmark-dev": "/usr/include/benchmark/benchmark.h",
    "libboost1.81-dev": "/usr/include/boost/unordered/unordered_flat_map.hpp",
    "libabsl-dev": "/usr/include/absl/container/flat_hash_map.h",
    "clang-16": "/usr/bin/clang++-16",
    "libclang-rt-16-dev": "/usr/lib/llvm-16/lib/clang/16/lib/linux/libclang_rt.fuzzer-x86_64.a",
    "munge": "/usr/sbin/munged",
    "postgresql": "/usr/lib/postgresql",
    "slurm-wlm": "/usr/sbin/slurmctld",
    "iproute2": "/sbin/tc",
}


def packages(session: nox.Session, wanted: Iterable[str]) -> bool:
    """Whether these Debian packages are there, at the end."""
    missing = [package for package in wanted if not Path(MARKERS[package]).exists()]
    if not missing:
        return True
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if not ROOT_USER or shutil.which("apt-get") is None or os.environ.get("WIDELOAD_APT") == "no":
        session.warn(f"Skipping what needs {', '.join(missing)}. To have it: {line}")
        return False
    session.log(f"Installing system packages: {line}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", external=True, silent=True, env=quiet)
    session.run(*line.split(), external=True, silent=True, env=quiet)
    return True
