"""Checks that comparisons find a difference where there is one, and none where there is none.

``python -m wideload.harness.tools.calibrate EXPERIMENT``

::

    A/A      the same case twice, ROUNDS rounds      the interval must contain 1
    A/slow   the same case against itself with every step lengthened by HANDICAP   must be called slower

Each comparison is repeated; an interval of 95 % allows two misses in twenty. By default all rounds are windows of one
job (:mod:`wideload.harness.tools.windows`): clock, barriers, handicap, pairing and interval are those of every
comparison, the noise is that of this machine, and 1,200 measurements take minutes instead of hours. This leaves out how
much one start of a job differs from the next; ``--jobs`` includes it by starting a job for every measurement.
Measurements are stored below ``--output``, a Markdown table goes to stdout, and the exit code is 1 when calibration
failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wideload.harness.analysis.statistics import Ratio, paired_ratio
from wideload.harness.cli.request import experiment_options, hosts, requested
from wideload.harness.experiment.case import Case
from wideload.harness.job.launcher import Launcher, variables
from wideload.harness.job.limits import Limits
from wideload.harness.job.mpi import Hosts, find
from wideload.harness.records.store import Store
from wideload.harness.sweep.assemble import assemble
from wideload.harness.sweep.plan import plan
from wideload.harness.tools.windows import WindowPlan

REQUIRED = 0.9
WINDOWS_TIMEOUT = 3600.0

Measure = Callable[[list[float]], list[float]]
"""Maps handicaps to examples per second: one measurement for each handicap, in order."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison of two cases over several rounds."""

    name: str
    rounds: int
    handicap: float
    expected: str

    def handicaps(self) -> list[float]:
        """In the order of measuring. Which case comes first alternates, so that being second is no handicap."""
        pair = [0.0, self.handicap]
        return [handicap for number in range(self.rounds) for handicap in (pair if number % 2 == 0 else pair[::-1])]

    def ratio(self, rates: Sequence[float]) -> Ratio:
        """The ratio of candidate to baseline, from measurements in that order."""
        pairs = [rates[at : at + 2] if at % 4 == 0 else rates[at : at + 2][::-1] for at in range(0, len(rates), 2)]
        return paired_ratio([candidate for _, candidate in pairs], [baseline for baseline, _ in pairs])


@dataclass(slots=True)
class Jobs:
    """Measures in a job for each measurement, recorded like those of a sweep."""

    launcher: Launcher
    store: Store
    case: Case
    repeat: int = 0

    def __call__(self, handicaps: list[float]) -> list[float]:
        return [self._rate(handicap) for handicap in handicaps]

    def _rate(self, handicap: float) -> float:
        case = self.case.changed(repeat=self.repeat, handicap=handicap)
        records = assemble(self.launcher.launch(case), 0, self.repeat, float("inf"))
        self.repeat += 1
        self.store.add(records)
        if records.run.examples_per_second is None:
            raise click.ClickException(f"{case.case_id}: {records.run.status}: {records.run.error}")
        return records.run.examples_per_second


def in_windows(case: Case, folder: Path, where: Hosts, handicaps: list[float]) -> list[float]:
    """Measures everything in one job; the results are stored in ``windows.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder.absolute() / "windows.txt"
    output.unlink(missing_ok=True)
    wanted = WindowPlan(case=case, handicaps=tuple(handicaps), output=str(output))
    file = folder.absolute() / "windows.json"
    file.write_text(wanted.model_dump_json(), encoding="utf-8")
    mpi = find()
    command = [
        *mpi.command(case.processes, where.prepared(folder.absolute(), mpi.flavour)),
        sys.executable,
        "-m",
        "wideload.harness.tools.windows",
        str(file),
    ]
    log = folder / "windows.log"
    with log.open("wb") as messages:
        environment = {**mpi.inherited(os.environ), **variables(case, mpi)}
        subprocess.run(command, env=environment, stdout=messages, stderr=messages, timeout=WINDOWS_TIMEOUT, check=False)
    rates = [float(line) for line in output.read_text().split()] if output.exists() else []
    if len(rates) != len(handicaps):
        raise click.ClickException(f"the job ended after {len(rates)} of {len(handicaps)} windows; see {log}")
    return rates


@click.command()
@experiment_options
@click.option("-o", "--output", type=click.Path(path_type=Path), default="runs/calibration", help="Run folder.")
@click.option("--repetitions", default=20, help="Number of comparisons of each kind.")
@click.option("--rounds", default=10, help="Rounds of an A/A comparison.")
@click.option("--slow-rounds", default=20, help="Rounds of a comparison with the slowed case.")
@click.option("--handicap", default=0.05, help="Share by which the steps of the slowed case are lengthened.")
@click.option(
    "--jobs", is_flag=True, help="Start a job for every measurement instead of using windows of one job; takes hours."
)
def main(
    output: Path, repetitions: int, rounds: int, slow_rounds: int, handicap: float, jobs: bool, **request: Any
) -> None:
    """Measure how often the verdict of a comparison is right."""
    case = plan(requested(request))[0].case.changed(evaluate=False, eval_every=None)
    trials = [Trial("A/A", rounds, 0.0, "undecided"), Trial("A/slow", slow_rounds, handicap, "lower")]
    where = hosts(request)
    measure: Measure = lambda handicaps: in_windows(case, output, where, handicaps)  # noqa: E731
    if jobs:
        measure = Jobs(Launcher(find(), output, Limits(), where), Store(output), case)
    right = calibrate(trials, repetitions, measure)
    click.echo(_table(trials, right, repetitions))
    raise SystemExit(int(min(right) < REQUIRED * repetitions))


def calibrate(trials: Sequence[Trial], repetitions: int, measure: Measure) -> list[int]:
    """The number of comparisons of each trial that ended as expected."""
    wanted = [trial for trial in trials for _ in range(repetitions)]
    rates = measure([handicap for trial in wanted for handicap in trial.handicaps()])
    right = dict.fromkeys((trial.name for trial in trials), 0)
    at = 0
    for trial in wanted:
        ratio = trial.ratio(rates[at : at + 2 * trial.rounds])
        at += 2 * trial.rounds
        right[trial.name] += ratio.verdict == trial.expected
        click.echo(f"{trial.name}: {ratio} {ratio.verdict}", err=True)
    return list(right.values())


def _table(trials: list[Trial], right: list[int], repetitions: int) -> str:
    lines = ["| comparison | rounds | expected | as expected |", "|---|---|---|---|"]
    expected = {"undecided": "the interval contains 1", "lower": "called slower"}
    lines += [
        f"| {trial.name} | {trial.rounds} | {expected[trial.expected]} | {count} of {repetitions} |"
        for trial, count in zip(trials, right, strict=True)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
