"""Reasons to distrust the result of a case that ended well.

===================  ==============================================================================
``oversubscribed``   more compute threads than cores (:mod:`wideload.harness.sweep.cores`)
``throttled``        the CPU quota of a container made the ranks wait
``background_load``  other processes used more cores than the experiment allows (``background_limit``)
``unclean_exit``     a rank ended badly after its results were written
``not_settled``      the first timed steps were slower than the rest: ``warmup_steps`` is too small
``one_class``        the held-out labels are all equal, so there is no AUC
``not_finite``       a prediction is NaN or infinite, so there is no AUC
===================  ==============================================================================
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence

import numpy as np

from wideload.harness.analysis.metrics import Metrics
from wideload.harness.analysis.statistics import settled_after
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.records.results import Flag, FlagKind

UNSETTLED = 0.02
"""Share of a window's time by which a late warm-up may bias it."""
SHORTEST_WINDOW = 0.5
"""Seconds below which the kernel's count of busy time, kept in steps of 10 ms, says nothing."""


def flags(
    background: float | None,
    limit: float,
    statuses: Iterable[RankStatus | None],
    step_ms: Sequence[float],
    metrics: Metrics | None,
) -> list[Flag]:
    """All flags of a case.

    Args:
        background: cores that other processes used, None when that is not known; limit: how many they may use.
        statuses: of the ranks, as their supervisors saw them end.
        step_ms: duration of every step within the clock, of rank 0.
        metrics: on the held-out split after the last step, None when there are none.
    """
    timing = [*background_load(background, limit), *unclean_exits(statuses), *not_settled(step_ms)]
    return timing + (no_auc(metrics) if metrics is not None else [])


def background_load(cores: float | None, limit: float) -> list[Flag]:
    """Flags a case during which other processes used more than ``limit`` cores."""
    if cores is None or cores <= limit:
        return []
    return [Flag(kind=FlagKind.BACKGROUND_LOAD, text=f"background CPU load: {cores:.2f} cores")]


def unclean_exits(statuses: Iterable[RankStatus | None]) -> list[Flag]:
    """Flags every rank that ended by a signal or with an exit code other than 0."""
    return [
        Flag(kind=FlagKind.UNCLEAN_EXIT, text=f"rank {status.rank} did not exit cleanly: {_end(status)}")
        for status in statuses
        if status is not None and (status.signal is not None or status.exit_code)
    ]


def not_settled(step_ms: Sequence[float]) -> list[Flag]:
    """Flags a case whose first timed steps were so slow that they bias the mean by more than ``UNSETTLED``."""
    cut = settled_after(step_ms)
    if not cut:
        return []
    early, rest = float(np.mean(step_ms[:cut])), float(np.mean(step_ms[cut:]))
    # A few slow steps in a long window change nothing; their weight in the mean is what matters.
    if (early - rest) * cut < UNSETTLED * rest * len(step_ms):
        return []
    text = f"not settled for the first {cut} timed steps: {early:.2f} ms against {rest:.2f} ms; raise warmup_steps"
    return [Flag(kind=FlagKind.NOT_SETTLED, text=text)]


def no_auc(metrics: Metrics) -> list[Flag]:
    """Flags a case whose predictions have no AUC, with the reason."""
    found = []
    if metrics.clicks in (0, metrics.examples):
        label = int(metrics.clicks > 0)
        text = f"no AUC: all {metrics.examples} held-out examples have the label {label}; hold out others as well"
        found.append(Flag(kind=FlagKind.ONE_CLASS, text=text))
    if metrics.not_finite:
        text = f"no AUC: {metrics.not_finite} of {metrics.examples} predictions are not finite; training has diverged"
        found.append(Flag(kind=FlagKind.NOT_FINITE, text=text))
    return found


def background_cores(outcomes: Iterable[Outcome]) -> float | None:
    """Mean number of busy cores that were not the job's own, on the machine where they were most.

    None for a window too short to tell.
    """
    by_machine: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_machine.setdefault(outcome.machine, []).append(outcome)
    shares = []
    for ranks in by_machine.values():
        own = sum(rank.window_cpu_seconds + rank.overhead_cpu_seconds for rank in ranks)
        if ranks[0].window_seconds >= SHORTEST_WINDOW:
            shares.append(max(ranks[0].busy_seconds - own, 0.0) / ranks[0].window_seconds)
    return max(shares) if shares else None


def _end(status: RankStatus) -> str:
    return signal.Signals(status.signal).name if status.signal else f"exit code {status.exit_code}"
