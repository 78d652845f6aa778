"""``python -m wideload.harness.calibrate``: does the instrument find differences where there are some, and none where
not?

::

    A/A      the same case twice, ROUNDS rounds      the interval must contain 1
    A/slow   the same case against itself with every step prolonged by HANDICAP    must be called slower

Each is repeated; an interval of 95 % allows two misses in twenty. Writes every record below ``--output`` and a Markdown
table to stdout; exits 1 when the instrument failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wideload.harness.case import Case
from wideload.harness.cli.request import experiment_options, hosts, requested
from wideload.harness.launch import Launcher
from wideload.harness.mpi import find
from wideload.harness.plan import plan
from wideload.harness.record import assemble
from wideload.harness.statistics import Ratio, paired_ratio
from wideload.harness.store import Store
from wideload.harness.watchdog import Limits

REQUIRED = 0.9


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison of two cases over some rounds."""

    name: str
    rounds: int
    handicap: float
    expected: str


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs cases and keeps their records."""

    launcher: Launcher
    store: Store
    case: Case

    def rate(self, repeat: int, handicap: float) -> float:
        """Examples per second of one run.

        Raises:
            click.ClickException: the case did not end well.
        """
        case = self.case.model_copy(update={"repeat": repeat, "handicap": handicap})
        records = assemble(self.launcher.launch(case), 0, repeat, float("inf"))
        self.store.add(records)
        if records.run.examples_per_second is None:
            raise click.ClickException(f"{case.case_id}: {records.run.status}: {records.run.error}")
        return records.run.examples_per_second

    def compare(self, trial: Trial, first_repeat: int) -> Ratio:
        """Candidate over baseline, interleaved. Who goes first alternates, so that being second is no handicap."""
        baseline: list[float] = []
        candidate: list[float] = []
        for number in range(trial.rounds):
            repeat = first_repeat + 2 * number
            sides = [(baseline, repeat, 0.0), (candidate, repeat + 1, trial.handicap)]
            for rates, at, handicap in sides if number % 2 == 0 else reversed(sides):
                rates.append(self.rate(at, handicap))
        return paired_ratio(candidate, baseline)


@click.command()
@experiment_options
@click.option("-o", "--output", type=click.Path(path_type=Path), default="runs/calibration", help="Run folder.")
@click.option("--repetitions", default=20, help="Comparisons of each kind.")
@click.option("--rounds", default=10, help="Rounds of an A/A comparison.")
@click.option("--slow-rounds", default=20, help="Rounds of a comparison with the slowed case.")
@click.option("--handicap", default=0.05, help="Share by which the slowed case's steps are prolonged.")
def main(output: Path, repetitions: int, rounds: int, slow_rounds: int, handicap: float, **request: Any) -> None:
    """Measure how often the verdict of a comparison is right."""
    case = plan(requested(request))[0].case
    launcher = Launcher(find(), output, Limits(), hosts(request))
    bench = Bench(launcher, Store(output), case.model_copy(update={"evaluate": False, "eval_every": None}))
    trials = [Trial("A/A", rounds, 0.0, "undecided"), Trial("A/slow", slow_rounds, handicap, "lower")]
    starts = [0, 2 * rounds * repetitions]
    right = [_run(bench, trial, repetitions, start) for trial, start in zip(trials, starts, strict=True)]
    click.echo(_table(trials, right, repetitions))
    raise SystemExit(int(min(right) < REQUIRED * repetitions))


def _run(bench: Bench, trial: Trial, repetitions: int, start: int) -> int:
    """How many of the comparisons ended as expected; ``start`` is the first number of a repeat to use."""
    right = 0
    for repetition in range(repetitions):
        ratio = bench.compare(trial, start + 2 * trial.rounds * repetition)
        right += ratio.verdict == trial.expected
        click.echo(f"{trial.name} {repetition + 1}/{repetitions}: {ratio} {ratio.verdict}", err=True)
    return right


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
