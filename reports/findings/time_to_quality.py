"""How long each strategy takes to a target AUC, over several seeds, and whether it converges as the reference does.

::

    Contestant   a strategy with its options in one setting, whatever the seed: a Finish for every seed
    Standing     its means without the fastest and the slowest seed, and its gate
    Gate         examples to the target against the reference's, in the manner of MLPerf's reference convergence points

MLPerf accepts no submission whose mean epochs to the target are significantly below the reference's (Student's test).
The gate here looks both ways, at examples, and uses standard errors of trimmed means. The intervals of all contestants
of a setting hold together at 95 % (Bonferroni). A strategy that is marked buys its throughput with other convergence:
compare its time to the target, and not its throughput.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from wideload.errors import UsageError
from wideload.harness.analysis.statistics import LEVEL
from wideload.harness.analysis.time_to_auc import Reached, reached
from wideload.harness.analysis.trimmed import FEWEST_RUNS, TrimmedMean, difference
from wideload.harness.records.results import Results, RunRecord
from wideload.options import Spec
from wideload.reports import quantity, text
from wideload.reports.findings import naming
from wideload.reports.findings.race import Entrant, Race


class Convergence(StrEnum):
    """What the gate says."""

    REFERENCE = "reference"
    SAME = "as the reference"
    FEWER = "fewer examples than the reference"
    MORE = "more examples than the reference"
    NOT_REACHED = "does not reach the target"
    UNKNOWN = "not judged"


MARKED = (Convergence.FEWER, Convergence.MORE, Convergence.NOT_REACHED)


@dataclass(frozen=True, slots=True)
class Finish:
    """One run. ``reached``: None when it did not reach the target, or did not end well; ``starved``: see the record."""

    seed: int
    reached: Reached | None
    starved: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """``share``: how many examples more than the reference, as a share of its own, with the interval; None: unknown."""

    convergence: Convergence
    share: tuple[float, float, float] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One contestant.

    Attributes:
        finishes: in the order of the seeds.
        examples, seconds, clock_seconds: means without the extremes: to the target; training alone; with evaluation.
            None for fewer than five seeds, or when more than one did not reach the target.
    """

    entrant: Entrant
    finishes: tuple[Finish, ...]
    examples: TrimmedMean | None
    seconds: TrimmedMean | None
    clock_seconds: TrimmedMean | None
    gate: Gate

    @property
    def label(self) -> str:
        return text.label(self.entrant.label)

    @property
    def reached(self) -> int:
        """Seeds that reached the target."""
        return sum(finish.reached is not None for finish in self.finishes)


@dataclass(frozen=True, slots=True)
class Heat:
    """The contestants of one setting, the fastest by training time first."""

    label: str
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class TimeToQuality:
    """All heats of a run folder."""

    results: Results
    target: float
    heats: tuple[Heat, ...]

    @classmethod
    def read(cls, run: Path, target: float) -> TimeToQuality:
        """The race in a run folder."""
        return cls.of(Results.read(run), target)

    @classmethod
    def of(cls, results: Results, target: float) -> TimeToQuality:
        """The race to a target AUC.

        Raises:
            UsageError: the records know no seeds.
        """
        runs = [run for run in results.runs if run.kind == "train" and run.seed is not None]
        if not runs:
            raise UsageError(f"{results.path} holds no case of a known seed.")
        race = Race.of(results)
        entrants = {(each.strategy, each.options): each for each in race.entrants}
        labels = naming.dataset_labels({run.dataset for run in runs})
        heats: dict[tuple[Any, ...], dict[Entrant, list[RunRecord]]] = {}
        for run in runs:
            key = (run.dataset, run.ranks, run.batch_size, run.fingerprints.get("unseeded", ""))
            entrant = entrants.get((run.strategy, naming.canonical(run.options)))
            if entrant is not None:
                heats.setdefault(key, {}).setdefault(entrant, []).append(run)
        made = [
            Heat(
                text.label(f"{labels[key[0]]} · {quantity.count(key[1], 'rank')} · batch {key[2]:,}"),
                _standings(results, contestants, target),
            )
            for key, contestants in heats.items()
        ]
        return cls(results, target, tuple(made))

    @property
    def headline(self) -> str:
        """Who is the fastest to the target, with what is to be known about it."""
        return " ".join(_headline(heat, self.target, len(self.heats) > 1) for heat in self.heats)

    @property
    def details(self) -> list[str]:
        """A sentence for every contestant that is marked."""
        return [
            f"{standing.label}: {gate_words(standing.gate)}."
            for heat in self.heats
            for standing in heat.standings
            if standing.gate.convergence in MARKED
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain data: every standing with its seeds."""
        return {
            "target_auc": self.target,
            "headline": self.headline,
            "heats": [
                {"setting": heat.label, "standings": [_plain(standing) for standing in heat.standings]}
                for heat in self.heats
            ],
        }


def gate_words(gate: Gate) -> str:
    """``fewer examples than the reference: −21 % (−25 to −17 %)``."""
    if gate.share is None:
        return f"{gate.convergence}{f': {gate.reason}' if gate.reason else ''}"
    apart, low, high = (f"{100 * each:+.1f}".replace("-", "\u2212") for each in gate.share)
    return f"{gate.convergence}: {apart} % ({low} to {high} %)"


def _standings(results: Results, contestants: dict[Entrant, list[RunRecord]], target: float) -> tuple[Standing, ...]:
    finishes = {
        entrant: tuple(_finish(results, run, target) for run in sorted(runs, key=lambda run: run.seed or 0))
        for entrant, runs in contestants.items()
    }
    examples = {entrant: _mean(finishes[entrant], lambda found: found.examples) for entrant in finishes}
    reference = _reference(results, list(contestants.items()))
    level = 1 - (1 - LEVEL) / max(len(contestants) - 1, 1)
    standings = [
        Standing(
            entrant,
            finishes[entrant],
            examples[entrant],
            _mean(timed := _timed(finishes[entrant]), lambda found: found.seconds),
            _mean(timed, lambda found: found.clock_seconds),
            Gate(Convergence.REFERENCE)
            if entrant is reference
            else _gate(finishes[entrant], examples[entrant], examples[reference], level),
        )
        for entrant in finishes
    ]
    return tuple(sorted(standings, key=lambda each: each.seconds.mean if each.seconds else math.inf))


def _finish(results: Results, run: RunRecord, target: float) -> Finish:
    curve = [point for point in results.curves.get(run.case_id, ()) if math.isfinite(point.auc)]
    return Finish(run.seed or 0, reached(curve, target) if run.status == "ok" else None, bool(run.starved))


def _timed(finishes: Iterable[Finish]) -> tuple[Finish, ...]:
    """Those whose seconds say something: a run without its cores converges as any other, but not as fast."""
    return tuple(finish for finish in finishes if not finish.starved)


def _mean(finishes: Sequence[Finish], value: Callable[[Reached], float | None]) -> TrimmedMean | None:
    """The mean without the extremes; a run that did not reach the target counts as the slowest."""
    values = [value(finish.reached) if finish.reached else math.inf for finish in finishes]
    return TrimmedMean.of([math.inf if each is None else each for each in values])


def _reference(results: Results, contestants: Sequence[tuple[Entrant, list[RunRecord]]]) -> Entrant:
    """The reference of the experiment if it takes part, else the first contestant."""
    wanted = str(Spec.parse(results.experiment.get("reference", "local")))
    return next((entrant for entrant, runs in contestants if runs[0].label == wanted), contestants[0][0])


def _gate(finishes: Sequence[Finish], ours: TrimmedMean | None, theirs: TrimmedMean | None, level: float) -> Gate:
    missed = sum(finish.reached is None for finish in finishes)
    if len(finishes) < FEWEST_RUNS:
        return Gate(Convergence.UNKNOWN, None, f"{len(finishes)} of {FEWEST_RUNS} seeds that it takes at least")
    if ours is None:
        return Gate(Convergence.NOT_REACHED, None, f"{missed} of {len(finishes)} seeds missed it")
    if theirs is None:
        return Gate(Convergence.UNKNOWN, None, "the reference does not reach the target")
    apart, low, high = difference(ours, theirs, level)
    verdict = Convergence.MORE if low > 0 else Convergence.FEWER if high < 0 else Convergence.SAME
    return Gate(verdict, (apart / theirs.mean, low / theirs.mean, high / theirs.mean))


def _headline(heat: Heat, target: float, several: bool) -> str:
    to = f"to AUC {target:g}{f' on {heat.label}' if several else ''}"
    timed = [(_called(standing), standing.seconds) for standing in heat.standings if standing.seconds]
    if not timed:
        return f"Nobody can be timed {to}."
    (first, fastest), *others = timed
    if not others:
        return f"{first} took {quantity.seconds(fastest.mean)} {to}."
    second, next_ = others[0]
    if difference(next_, fastest)[1] > 0:
        return f"{first} took {quantity.seconds(fastest.mean)} {to}, {second} {quantity.seconds(next_.mean)}."
    times = f"{quantity.seconds(fastest.mean)} and {quantity.seconds(next_.mean)}"
    return f"{first} and {second} are too close to call: {times} {to}."


def _called(standing: Standing) -> str:
    """The name, and how it converges where that is not as the reference does."""
    marked = standing.gate.convergence in MARKED
    return f"{standing.label} ({standing.gate.convergence})" if marked else standing.label


def _plain(standing: Standing) -> dict[str, Any]:
    means = {name: getattr(standing, name) for name in ("examples", "seconds", "clock_seconds")}
    return {
        "entrant": standing.label,
        "convergence": str(standing.gate.convergence),
        "share": standing.gate.share,
        "reason": standing.gate.reason,
        "reached": standing.reached,
        "seeds": [
            {"seed": each.seed, "starved": each.starved}
            | ({name: getattr(each.reached, name) for name in means} if each.reached else {})
            for each in standing.finishes
        ],
    } | {name: {"mean": mean.mean, "interval": mean.interval()} if mean else None for name, mean in means.items()}
