"""Compares two runs, or two strategies of one run, over the rounds that both have.

::

    runs/a                          every case of a run folder
    runs/a:sparse_ps                those of one strategy, with any options
    runs/a:sparse_ps[mode=async]    those whose options include these
    runs/a alone                    every strategy of the folder against the baseline that its experiment names

Two sides are matched where strategy, options, data set, ranks and batch size agree; when each side names one strategy,
the strategy may differ. A case that did not get the cores that it needed takes no part where time is compared. Sides
that did not solve the same problem are refused, or compared when forced, with a note of what differs.

A baseline means the variant with exactly the options that it names. Another variant of the strategy takes its place
only when it is the only one there is and the experiment did not ask for the one that is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.analysis.parity import PROBLEM, differing
from wideload.harness.analysis.statistics import Ratio, paired_ratio
from wideload.harness.records.results import Results, RunRecord
from wideload.options import Spec, expand

LOWER_IS_BETTER = ("cpu_seconds_per_example", "peak_rss_bytes", "peak_pss_bytes", "seconds", "logloss")
METRICS = ("examples_per_second", "auc", *LOWER_IS_BETTER)
TIMED = ("examples_per_second", "cpu_seconds_per_example", "seconds")
"""Metrics that say nothing about a case which did not get the cores that it needed; such a case is left out."""
Key = tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Side:
    """One argument of a comparison: the runs of a folder, or of one strategy in it."""

    path: Path
    spec: Spec | None

    @classmethod
    def parse(cls, text: str) -> Side:
        """Reads ``FOLDER`` or ``FOLDER:strategy[option=value]``."""
        folder, colon, strategy = text.partition(":")
        if Path(text).is_dir():
            return cls(Path(text), None)
        return cls(Path(folder), Spec.parse(strategy) if colon else None)

    def runs(self) -> list[RunRecord]:
        """Finished training cases.

        Raises:
            UsageError: the folder has none that fit.
        """
        finished = _finished(_trained(Results.read(self.path)))
        chosen = [run for run in finished if self.spec is None or _fits(run, self.spec)]
        if not chosen:
            raise UsageError(
                f"{self.path} has no finished case of {self.spec or 'any strategy'}. It has: {_labels(finished)}."
                f"{_HINT if self.spec and self.spec.params else ''}"
            )
        return chosen


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate over baseline for one metric.

    Attributes:
        mismatch: fingerprints that differ, when the comparison was forced.
    """

    candidate: str
    baseline: str
    dataset: str
    ranks: int
    metric: str
    ratio: Ratio
    mismatch: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` when the interval leaves no doubt; else ``undecided``."""
        if self.ratio.verdict == "undecided":
            return "undecided"
        return "better" if (self.ratio.verdict == "lower") == (self.metric in LOWER_IS_BETTER) else "worse"

    def regressed(self, min_ratio: float) -> bool:
        """Whether the candidate falls short of ``min_ratio`` times the baseline's quality.

        Decided by the favourable end of the interval, so noise alone does not fail a build; by the median where there
        is no interval.
        """
        ratio = self.ratio
        if self.metric in LOWER_IS_BETTER:
            return (ratio.low if ratio.low is not None else ratio.median) > 1 / min_ratio
        return (ratio.high if ratio.high is not None else ratio.median) < min_ratio


def compare(baseline: str, candidate: str, metric: str, force: bool = False) -> list[Comparison]:
    """All comparisons that two sides allow.

    Raises:
        UnknownNameError: an unknown metric.
        UsageError: nothing matches, or the sides did not solve the same problem.
    """
    _check_metric(metric)
    first, second = Side.parse(baseline), Side.parse(candidate)
    crossing = first.spec is not None and second.spec is not None
    ours, theirs = _grouped(second.runs(), crossing), _grouped(first.runs(), crossing)
    found = [_compare(ours[key], theirs[key], metric, force) for key in ours if key in theirs]
    if not found:
        raise UsageError(
            f"{baseline} and {candidate} have no case in common (strategy, options, data set, ranks, batch size). "
            "To compare two strategies name both: runs/a:local runs/a:sparse_ps."
        )
    return found


def against_baseline(path: Path, metric: str, force: bool = False) -> list[Comparison]:
    """Every other variant in a run folder against the baseline of its experiment, setting by setting.

    Raises:
        UnknownNameError: an unknown metric.
        UsageError: the experiment names no baseline, or it does not say which variant is meant, or that one did not
            finish.
    """
    _check_metric(metric)
    results = Results.read(path)
    label = _baseline_label(results)
    finished = _finished(_trained(results))
    standard = _grouped([run for run in finished if run.label == label], any_strategy=True)
    others = _grouped([run for run in finished if run.label != label], any_strategy=False)
    found = [
        _compare(group, standard[anyone], metric, force)
        for (_, *setting), group in others.items()
        if (anyone := ("", *setting)) in standard
    ]
    if not found:
        raise UsageError(f"{path} has no finished case to compare with its baseline {label}.")
    return found


def _baseline_label(results: Results) -> str:
    """The label of the variant that the experiment's baseline means."""
    path, text = results.path, results.experiment.get("baseline")
    if not text:
        raise UsageError(
            f"the experiment in {path} names no baseline. Name two sides, `wideload compare {path}:local "
            f'{path}:sparse_ps`, or run it with --set baseline="local".'
        )
    baseline, runs = Spec.parse(text), _trained(results)
    fitting = [run for run in runs if _fits(run, baseline)]
    meant = [run for run in fitting if len(run.options) == len(baseline.params)]
    labels = {run.label for run in fitting}
    if not meant and len(labels) == 1 and baseline not in _asked_for(results):
        meant = fitting
    if not meant:
        raise UsageError(
            f"{path} has no case of its baseline {text}. It has: {_labels(runs)}. Name two of these as sides: "
            f"`wideload compare {path}:A {path}:B`.{_HINT if baseline.params else ''}"
        )
    if not _finished(meant):
        last = meant[-1]
        raise UsageError(
            f"the baseline {text} of {path} did not finish: {last.status}: {last.error}. Run it again, "
            f"`wideload run ... --rerun failed`, or name two sides: `wideload compare {path}:A {path}:B`."
        )
    return meant[0].label


_HINT = " An option that has its default value is not part of a name here: leave it out."


def _asked_for(results: Results) -> list[Spec]:
    return [spec for text in results.experiment.get("strategies", ()) for spec in expand(str(text))]


def _trained(results: Results) -> list[RunRecord]:
    return [run for run in results.runs if run.kind == "train"]


def _finished(runs: Iterable[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.status == "ok"]


def _labels(runs: Iterable[RunRecord]) -> str:
    return ", ".join(sorted({run.label for run in runs})) or "none"


def _check_metric(metric: str) -> None:
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)


def _compare(ours: list[RunRecord], theirs: list[RunRecord], metric: str, force: bool) -> Comparison:
    mismatch = differing(ours[0], theirs[0], (*PROBLEM, "order", "input"))
    if mismatch and not force:
        raise UsageError(
            f"{ours[0].label} and {theirs[0].label} did not solve the same problem: {' and '.join(mismatch)} differ. "
            "--force compares them nevertheless, and the result says so."
        )
    pairs = _pairs(ours, theirs, metric)
    if not pairs:
        raise UsageError(
            f"{ours[0].label} and {theirs[0].label} share no round in which both have {metric}."
            f"{_starved([*ours, *theirs], metric)}"
        )
    ratio = paired_ratio([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
    return Comparison(ours[0].label, theirs[0].label, ours[0].dataset, ours[0].ranks, metric, ratio, tuple(mismatch))


def _pairs(ours: Iterable[RunRecord], theirs: Iterable[RunRecord], metric: str) -> list[tuple[float, float]]:
    other = {run.repeat: _value(run, metric) for run in theirs}
    pairs = [(_value(run, metric), other.get(run.repeat)) for run in ours]
    return [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]


def _value(run: RunRecord, metric: str) -> float | None:
    value: float | None = None if metric in TIMED and run.starved else getattr(run, metric)
    return value


def _starved(runs: Iterable[RunRecord], metric: str) -> str:
    """Which runs were left out, for the end of an error."""
    reasons = {f"{run.label}: {run.starved}": None for run in runs if metric in TIMED and run.starved}
    return f" Left out: {'; '.join(reasons)}." if reasons else ""


def _grouped(runs: list[RunRecord], any_strategy: bool) -> dict[Key, list[RunRecord]]:
    groups: dict[Key, list[RunRecord]] = {}
    for run in runs:
        label = "" if any_strategy else run.label
        groups.setdefault((label, run.dataset, run.ranks, run.threads * run.processes, run.batch_size), []).append(run)
    return groups


def _fits(run: RunRecord, spec: Spec) -> bool:
    options: dict[str, Any] = {key: str(value).lower() for key, value in run.options.items()}
    return run.strategy == spec.name and all(options.get(key) == str(value).lower() for key, value in spec.params)
