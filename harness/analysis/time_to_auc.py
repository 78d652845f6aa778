"""Time to a target AUC: one figure for speed and quality together."""

from __future__ import annotations

from collections.abc import Sequence

from wideload.harness.records.results import CurvePoint


def seconds_to(curve: Sequence[CurvePoint], target: float) -> float | None:
    """Training seconds until the held-out AUC first reached ``target``; None when it never did.

    Between two evaluations the AUC is interpolated linearly; before the first one nothing is known, so the answer is
    never earlier than that.
    """
    for before, after in zip([None, *curve], curve, strict=False):
        if after.auc < target:
            continue
        if before is None:
            return after.seconds
        share = (target - before.auc) / (after.auc - before.auc)
        return before.seconds + share * (after.seconds - before.seconds)
    return None
