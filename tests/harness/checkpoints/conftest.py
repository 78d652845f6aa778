"""The kit of these tests, see ``jobs/kit.py``; and a PostgreSQL server."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent
PROGRAMS = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """A trainer without TensorFlow, checkpointers on a cluster of one."""
    spec = importlib.util.spec_from_file_location("kit", FOLDER / "jobs" / "kit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server of our own on a free loopback port."""
    programs = sorted(PROGRAMS.glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is missing: apt-get install -y postgresql")
    folder = Path(tempfile.mkdtemp(prefix="wideload-postgresql-", dir="/tmp"))
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, control = folder / "data", [*user, str(programs[-1] / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    initdb = [*user, str(programs[-1] / "initdb"), "-D", str(data), "-U", "wideload", "-A", "trust", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
    options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
    log = folder / "log"
    subprocess.run([*control, "-o", options, "-l", str(log), "start"], check=True, capture_output=True, cwd=folder)
    yield f"postgresql://wideload@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
    shutil.rmtree(folder)
