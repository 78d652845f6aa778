"""Compares two runs, or two strategies of one run, over the rounds that both have.

::

    runs/a                      every case of a run folder
    runs/a:sparse_ps            those of one strategy, with any options
    runs/a:sparse_ps[mode=async]    those whose options include these
    runs/a alone                every strategy of the folder against the baseline that its experiment names

Two sides are matched where strategy, options, data set, ranks and batch size agree; when each side names one strategy,
the strategy may differ. Sides that did not solve the same problem are refused, or marked when forced.
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
from wideload.options import Spec

LOWER_IS_BETTER = ("cpu_seconds_per_example", "peak_rss_bytes", "peak_pss_bytes", "seconds", "logloss")
METRICS = ("examples_per_second", "auc", *LOWER_IS_BETTER)
Key = tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Side:
    """One argument of a comparison: the runs of a folder, perhaps of one strategy alone."""

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
        finished = [run for run in Results.read(self.path).runs if run.status == "ok" and run.kind == "train"]
        chosen = [run for run in finished if self.spec is None or _fits(run, self.spec)]
        if not chosen:
            there = ", ".join(sorted({run.label for run in finished})) or "none"
            raise UsageError(f"{self.path} has no finished case of {self.spec or 'any strategy'}. It has: {there}.")
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
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
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
    """Every other strategy of a run folder against the baseline of its experiment, setting by setting.

    Raises:
        UsageError: the experiment names no baseline, or no case of it finished.
    """
    baseline = Results.read(path).experiment.get("baseline")
    if not baseline:
        raise UsageError(
            f"the experiment in {path} names no baseline. Name two sides, `wideload compare {path}:local "
            f'{path}:sparse_ps`, or run it with --set baseline="local".'
        )
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    chosen = Side(path, Spec.parse(baseline)).runs()
    # `horovod` fits every variant of it as well; the one with the fewest options is meant.
    label = min({run.label for run in chosen}, key=len)
    standard = _grouped([run for run in chosen if run.label == label], any_strategy=True)
    others = _grouped([run for run in Side(path, None).runs() if run.label != label], any_strategy=False)
    found = [
        _compare(group, standard[anyone], metric, force)
        for (_, *setting), group in others.items()
        if (anyone := ("", *setting)) in standard
    ]
    if not found:
        raise UsageError(f"{path} has no finished case beside those of its baseline {baseline}.")
    return found


def _compare(ours: list[RunRecord], theirs: list[RunRecord], metric: str, force: bool) -> Comparison:
    mismatch = differing(ours[0], theirs[0], (*PROBLEM, "order", "input"))
    if mismatch and not force:
        raise UsageError(
            f"{ours[0].label} and {theirs[0].label} did not solve the same problem: {' and '.join(mismatch)} differ. "
            "--force compares them all the same, and marks the result."
        )
    pairs = _pairs(ours, theirs, metric)
    if not pairs:
        raise UsageError(f"{ours[0].label} and {theirs[0].label} share no round in which both have {metric}.")
    ratio = paired_ratio([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
    return Comparison(ours[0].label, theirs[0].label, ours[0].dataset, ours[0].ranks, metric, ratio, tuple(mismatch))


def _pairs(ours: Iterable[RunRecord], theirs: Iterable[RunRecord], metric: str) -> list[tuple[float, float]]:
    other = {run.repeat: getattr(run, metric) for run in theirs}
    pairs = [(getattr(run, metric), other.get(run.repeat)) for run in ours]
    return [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]


def _grouped(runs: list[RunRecord], any_strategy: bool) -> dict[Key, list[RunRecord]]:
    groups: dict[Key, list[RunRecord]] = {}
    for run in runs:
        label = "" if any_strategy else run.label
        groups.setdefault((label, run.dataset, run.ranks, run.threads * run.processes, run.batch_size), []).append(run)
    return groups


def _fits(run: RunRecord, spec: Spec) -> bool:
    options: dict[str, Any] = {key: str(value).lower() for key, value in run.options.items()}
    return run.strategy == spec.name and all(options.get(key) == str(value).lower() for key, value in spec.params)
