"""Runs the contract on a plug-in: ``wideload check --plugin NAME``.

::

    FOLDER/test_contract.py    a test file as the plug-in's author would write it; stays, to be run again
    FOLDER/pytest.log          what pytest printed
    FOLDER/jobs/               the tests' own folders, with the records and logs of the jobs

pytest runs in a process of its own, which reports every test as soon as it is over.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from wideload import datasets, strategies
from wideload.errors import UnavailableError, UnknownNameError
from wideload.harness.job.mpi import Hosts
from wideload.options import Spec
from wideload.testing.report import VARIABLE

Verdict = Literal["ok", "FAIL", "skip"]
LAST_LINES = 20
"""Lines of pytest's log that are quoted when pytest itself did not get to its end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One test of the contract: the rule in words, the verdict, and what was found instead or why it was skipped."""

    rule: str
    verdict: Verdict
    reason: str = ""


def check_plugin(text: str, folder: Path, hosts: Hosts) -> Iterator[Finding]:
    """Tests a strategy or a data set, whichever has that name; options may be given.

    Args:
        text: ``name[option=value]``.
        folder: for the test file, its log and the jobs' folders; made when it is missing.
        hosts: where the jobs' ranks run.

    Raises:
        UnknownNameError: neither has that name.
        UnavailableError: pytest is missing, or the strategy cannot run here.
    """
    source = _source(text, hosts)
    if importlib.util.find_spec("pytest") is None:
        raise UnavailableError("pytest is not installed; run `pip install 'wideload[testing]'`.")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_contract.py").write_text(source, encoding="utf-8")
    return _run(folder)


def _source(text: str, hosts: Hosts) -> str:
    name = Spec.parse(text).name
    head = '"""The contract of a plug-in; `python -m pytest` runs it again."""\n\n'
    if name in strategies.names():
        usable = strategies.find(name).availability()
        if not usable.usable:
            raise UnavailableError(f"strategy {name!r} cannot run here: {usable.reason}")
        place = f"Hosts({None if hosts.hostfile is None else str(hosts.hostfile)!r}, {hosts.agent!r})"
        return (
            f"{head}from wideload.harness.job.mpi import Hosts\nfrom wideload.testing import StrategyContract\n\n\n"
            f"class TestContract(StrategyContract):\n    strategy = {text!r}\n    hosts = {place}\n"
        )
    if name in datasets.names():
        return (
            f"{head}from wideload.testing import DatasetContract\n\n\n"
            f"class TestContract(DatasetContract):\n    dataset = {text!r}\n"
        )
    raise UnknownNameError("strategy or data set", name, [*strategies.names(), *datasets.names()])


def _run(folder: Path) -> Iterator[Finding]:
    """Findings while pytest runs; the last one says so when it broke off."""
    reading, writing = os.pipe()
    with (folder / "pytest.log").open("wb") as log, os.fdopen(reading, encoding="utf-8") as reports:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", str(folder / "test_contract.py"), *_options(folder)],
            env={**os.environ, "PYTEST_ADDOPTS": "", VARIABLE: str(writing)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
        )
        os.close(writing)
        try:
            yield from _findings(reports)
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()
    if process.returncode not in (0, 1):
        lines = (folder / "pytest.log").read_text(encoding="utf-8", errors="replace").splitlines()
        said = "\n".join(lines[-LAST_LINES:])
        yield Finding("the tests run to their end", "FAIL", f"pytest ended with code {process.returncode}:\n{said}")


def _options(folder: Path) -> list[str]:
    """Nothing of the surroundings: no configuration, no conftest.py, no cache."""
    nothing = ["-c", os.devnull, "--rootdir", str(folder), "--noconftest", "-p", "no:cacheprovider"]
    return [*nothing, "-p", "wideload.testing.report", "--basetemp", str(folder / "jobs")]


def _findings(reports: IO[str]) -> Iterator[Finding]:
    for line in reports:
        yield Finding(**json.loads(line))
