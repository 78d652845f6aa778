"""A pytest plug-in that reports every test as a line of JSON, into the file descriptor that a variable names."""

from __future__ import annotations

import json
import os
from typing import Any

VARIABLE = "WIDELOAD_TESTING_REPORTS"


def pytest_runtest_logreport(report: Any) -> None:
    """Called by pytest after each phase of a test."""
    if report.when == "call" or not report.passed:
        finding = {"rule": rule_of(report.nodeid), "verdict": _verdict(report), "reason": _reason(report)}
        os.write(int(os.environ[VARIABLE]), json.dumps(finding).encode() + b"\n")


def rule_of(node: str) -> str:
    """A test's name as a sentence: ``...::test_jobs_train[2]`` is ``jobs train (2)``."""
    name, _, parameter = node.rpartition("::")[2].removeprefix("test_").partition("[")
    sentence = name.replace("_", " ")
    return f"{sentence} ({parameter.removesuffix(']')})" if parameter else sentence


def _verdict(report: Any) -> str:
    return "skip" if report.skipped else "ok" if report.passed else "FAIL"


def _reason(report: Any) -> str:
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr)
