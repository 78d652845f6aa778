"""Runs an experiment: plan -> skip what is done -> preflight -> launch -> record -> check parity -> next case.

A sweep may be interrupted at any moment: what was recorded stays, and running it again does only what is missing. A
case that fails, in whatever way, is recorded like any other, and the sweep continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from wideload.harness.analysis import parity
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import Experiment
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts, find
from wideload.harness.records.results import FlagKind, ParityRecord, RunRecord
from wideload.harness.records.schema import ParityVerdict
from wideload.harness.records.store import CaseRecords, Store
from wideload.harness.sweep import cores, preflight
from wideload.harness.sweep.assemble import assemble, refused
from wideload.harness.sweep.environment import describe, packages
from wideload.harness.sweep.outlook import Outlook
from wideload.harness.sweep.plan import Planned, plan
from wideload.options import Spec

Rerun = Literal["missing", "failed", "all"]


class Watcher(Protocol):
    """Receives the events of a sweep; implemented by displays."""

    def planned(self, todo: int, done: int) -> None: ...
    def started(self, number: int, case: Case) -> None: ...
    def warned(self, text: str) -> None: ...
    def progress(self, case: Case, statuses: list[RankStatus]) -> None: ...
    def ended(self, run: RunRecord) -> None: ...


@dataclass(slots=True)
class Sweep:
    """One experiment in one run folder."""

    experiment: Experiment
    store: Store
    launcher: Launcher
    watcher: Watcher
    checks: list[ParityRecord] = field(default_factory=list)
    outlook: Outlook = field(default_factory=lambda: Outlook(0, 0))

    @classmethod
    def prepare(cls, experiment: Experiment, folder: Path, watcher: Watcher, hosts: Hosts) -> Sweep:
        """Finds MPI and sets up the run folder.

        Raises:
            UnavailableError: there is no MPI, or it does not start.
        """
        limits = Limits(experiment.time_limit, experiment.stall_limit)
        launcher = Launcher(find(), folder, limits, hosts, checkpoints=experiment.checkpoints)
        return cls(experiment, Store(folder), launcher, watcher)

    def run(self, rerun: Rerun = "missing") -> list[RunRecord]:
        """Runs the cases that are due; returns the last record of every planned case."""
        entries = plan(self.experiment)
        self.store.begin(self.experiment.to_toml(), describe(), packages())
        known = self.store.known()
        todo = [entry for entry in entries if self._wanted(entry, known.get(entry.case.case_id), rerun)]
        self.watcher.planned(len(todo), len(entries) - len(todo))
        for text in cores.warnings([entry.case for entry in todo if not entry.unavailable], self.launcher.places):
            self.watcher.warned(text)
        for number, entry in enumerate(todo):
            run = self._run_entry(number, entry, known, rerun == "all")
            known[run.case_id] = run
        if self.experiment.parity:
            self._conclude(entries, known)
        runs = [known[entry.case.case_id] for entry in entries]
        broken = [entry.case for entry, run in zip(entries, runs, strict=True) if run.status not in ("ok", "refused")]
        self.outlook = Outlook.of([self.launcher.resumable(case) for case in broken])
        return runs

    def _wanted(self, entry: Planned, known: RunRecord | None, rerun: Rerun) -> bool:
        """Whether to run a case.

        A case that broke off and has a checkpoint is not finished, and one that was refused is tried when nothing
        stands in its way any more.
        """
        if known is None or rerun == "all":
            return True
        if known.status == "ok":
            return False
        if rerun == "failed" or self.launcher.resumable(entry.case):
            return True
        return known.status == "refused" and self._refusal(entry) is None

    def _run_entry(self, number: int, entry: Planned, known: dict[str, RunRecord], fresh: bool) -> RunRecord:
        before = known.get(entry.case.case_id)
        attempt = before.attempt + 1 if before else 0
        self.watcher.started(number, entry.case)
        records = self._attempt(entry, attempt, fresh=fresh)
        retries = self.experiment.background_retries
        while retries and disturbed(records.run):
            self._record(entry, records, known)
            retries, attempt = retries - 1, attempt + 1
            records = self._attempt(entry, attempt, fresh=True)
        return self._record(entry, records, known)

    def _record(self, entry: Planned, records: CaseRecords, known: dict[str, RunRecord]) -> RunRecord:
        if self.experiment.parity and entry.case.kind == "train" and not entry.is_reference:
            records = self._judged(entry, records, known)
        self.store.add(records)
        self.watcher.ended(records.run)
        return records.run

    def _judged(self, entry: Planned, records: CaseRecords, known: dict[str, RunRecord]) -> CaseRecords:
        check = self._check(entry, records.run, known)
        verdict = None if check.verdict == "not run" else check.verdict
        judged = ParityVerdict(parity=verdict, parity_max=check.max_relative)
        return replace(records, run=records.run.replacing(judged))

    def _check(self, entry: Planned, run: RunRecord, known: dict[str, RunRecord]) -> ParityRecord:
        reference = reference_of(run, known.values(), self.experiment.reference)
        return parity.judge(run, reference, self.experiment.parity_steps, entry.synchronous)

    def _conclude(self, entries: list[Planned], known: dict[str, RunRecord]) -> None:
        """Makes one verdict for each strategy and variant, from the first round."""
        self.checks = [
            self._check(entry, known[entry.case.case_id], known)
            for entry in entries
            if entry.round == 0 and entry.case.kind == "train" and not entry.is_reference
        ]
        self.store.add_checks(self.checks)

    def _refusal(self, entry: Planned) -> preflight.Refusal | None:
        return preflight.refusal(entry.case, self.store.path, entry.unavailable, entry.keys, entry.sharded)

    def _attempt(self, entry: Planned, attempt: int, fresh: bool) -> CaseRecords:
        if refusal := self._refusal(entry):
            return refused(entry.case, attempt, entry.round, refusal)
        progress: Callable[[list[RankStatus]], None] = lambda statuses: self.watcher.progress(entry.case, statuses)  # noqa: E731
        finished = self.launcher.launch(entry.case, progress, fresh)
        return assemble(finished, attempt, entry.round, self.experiment.background_limit)


def as_check(experiment: Experiment, steps: int) -> Experiment:
    """The experiment, reduced to what parity needs."""
    return experiment.without_evaluation().changed(
        workload=experiment.workload.changed(steps=steps),
        parity=True,
        parity_steps=steps,
        repeats=1,
        warmup_steps=0,
        ceilings=(),
    )


def reference_of(run: RunRecord, known: Iterable[RunRecord], reference: str) -> RunRecord | None:
    """The reference's run on the same problem with the same job size, from the first round that has one."""
    candidates = [
        other
        for other in known
        if (other.kind, other.strategy, other.dataset) == ("train", Spec.parse(reference).name, run.dataset)
        and (other.ranks, other.batch_size) == (run.ranks, run.batch_size)
        and not parity.differing(run, other)
    ]
    return min(candidates, key=lambda other: other.round, default=None)


def disturbed(run: RunRecord) -> bool:
    """Whether others got in the way, so that another attempt may go better; with too few cores, none ever does."""
    kinds = {flag.kind for flag in run.flagged}
    return bool(kinds & {FlagKind.BACKGROUND_LOAD, FlagKind.THROTTLED}) and FlagKind.OVERSUBSCRIBED not in kinds
