"""Shows the progress of a sweep on stderr: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from wideload.harness.experiment.case import Case
from wideload.harness.job.messages import RankStatus
from wideload.harness.records.results import RunRecord
from wideload.options import Spec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from wideload.harness.sweep.sweep import Watcher


class Lines:
    """One line when a case starts and one when it ends."""

    def __init__(self) -> None:
        self._todo = 0

    def planned(self, todo: int, done: int) -> None:
        self._todo = todo
        kept = f", {done} already recorded" if done else ""
        self._print(f"{todo} {'case' if todo == 1 else 'cases'} to run{kept}")

    def started(self, number: int, case: Case) -> None:
        self._print(f"[{number + 1}/{self._todo}] {describe(case)} ...")

    def warned(self, text: str) -> None:
        self._print(f"warning: {text}")

    def progress(self, case: Case, statuses: list[RankStatus]) -> None:
        """Prints nothing: progress should not fill a log."""

    def ended(self, run: RunRecord) -> None:
        self._print(f"    {summary(run)}")
        if run.log_tail and run.status != "ok":
            self._print("".join(f"    | {line}\n" for line in run.log_tail.splitlines()[-10:]).rstrip())

    def _print(self, text: str) -> None:
        click.echo(text, err=True)


class Live(Lines):
    """The same lines, and below them the progress of the running case."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__()
        self._console = console
        self._status = status

    def progress(self, case: Case, statuses: list[RankStatus]) -> None:
        steps = min((rank_status.step for rank_status in statuses), default=0)
        phase = statuses[0].phase if statuses else "start"
        self._status.update(f"{describe(case)}: {phase}, step {steps}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def chosen_display() -> Iterator[Watcher]:
    """A live display if stderr is a terminal, otherwise plain lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("planning") as status:
        yield Live(console, status)


def describe(case: Case) -> str:
    """A case in a few words."""
    name = str(Spec.of(case.strategy, case.options)) if case.kind == "train" else f"{case.kind} ceiling"
    return f"{name} on {case.workload.dataset}, {case.ranks} ranks, repeat {case.repeat}"


def summary(run: RunRecord) -> str:
    """One line about how a case ended."""
    if run.status != "ok":
        return f"{run.status}: {run.error}"
    rate = "" if run.examples_per_second is None else f", {run.examples_per_second:,.0f} examples/s"
    auc = "" if run.auc is None else f", AUC {run.auc:.4f}"
    check = "" if run.parity is None else f", parity {run.parity}"
    flagged = "".join(f", flagged: {flag.text}" for flag in run.flagged)
    return f"ok in {run.seconds or 0:.0f} s{rate}{auc}{check}{flagged}"
