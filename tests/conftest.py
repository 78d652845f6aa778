"""What holds for all tests.

Skips are for machines that lack something. CI lacks nothing: there, a skip is a failure.

Several files run at once, each in the process of one worker (``nox -s tests``). Files with slow tests start first, so
that no long one is left over at the end.
"""

from __future__ import annotations

import os

import pytest

SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        config.stash[SKIPPED] = []
        config.pluginmanager.register(NothingIsSkipped(config), "nothing-is-skipped")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


class NothingIsSkipped:
    """Collects what was skipped, tests and whole modules, and fails the session when there was any."""

    def __init__(self, config: pytest.Config) -> None:
        self._skipped = config.stash[SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skipped.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._skipped:
            terminalreporter.section("skipped, and in CI nothing is skipped", red=True)
            for line in self._skipped:
                terminalreporter.line(line)
