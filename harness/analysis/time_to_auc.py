"""Time to a target AUC: one figure for speed and quality together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from wideload.harness.records.results import CurvePoint


@dataclass(frozen=True, slots=True)
class Reached:
    """When a case reached a target.

    Attributes:
        seconds: of training; examples: trained on; both read off a straight line between two evaluations.
        clock_seconds: of training and evaluation, up to the end of the first evaluation that found the target reached:
            what a clock shows that is never stopped. None where evaluation was not timed.
    """

    seconds: float
    examples: float
    clock_seconds: float | None


def reached(curve: Sequence[CurvePoint], target: float) -> Reached | None:
    """When the held-out AUC first reached ``target``; None when it never did.

    Before the first evaluation nothing is known, so the answer is never earlier than that.
    """
    after = next((point for point in curve if point.auc >= target), None)
    if after is None:
        return None
    before = next((before for before, point in itertools.pairwise(curve) if point is after), after)
    share = (target - before.auc) / (after.auc - before.auc) if before is not after else 1.0
    clock = None if after.evaluation_seconds is None else after.seconds + after.evaluation_seconds
    return Reached(
        before.seconds + share * (after.seconds - before.seconds),
        before.examples + share * (after.examples - before.examples),
        clock,
    )


def seconds_to(curve: Sequence[CurvePoint], target: float) -> float | None:
    """Training seconds until ``target`` was :func:`reached`."""
    found = reached(curve, target)
    return found.seconds if found else None
