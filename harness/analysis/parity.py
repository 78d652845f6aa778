"""Parity: with equal weights and equal batches, a synchronous strategy's losses follow the reference's.

::

    max over steps of |loss - reference| / max(|reference|, 1e-12)  <=  tolerance

The tolerance covers float associativity (sums in another order) and nothing else. A strategy that applies its gradients
late, or for a part of the batch, exceeds it within a few steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wideload.harness.records.results import NotJudged, ParityRecord, RunRecord

TOLERANCE = 1e-4
PROBLEM = ("problem", "data", "columns", "weights")
_SMALLEST = 1e-12


def difference(losses: Sequence[float], reference: Sequence[float]) -> float:
    """Largest relative difference over the steps that both have; infinite for a loss that is not a number."""
    worst = 0.0
    for ours, theirs in zip(losses, reference, strict=False):
        relative = abs(ours - theirs) / max(abs(theirs), _SMALLEST)
        worst = max(worst, relative if relative == relative else float("inf"))
    return worst


def judge(run: RunRecord, reference: RunRecord | None, steps: int, synchronous: bool = True) -> ParityRecord:
    """How closely one run follows the reference over its first ``steps`` steps."""
    obstacle = _obstacle(run, reference, steps, synchronous)
    worst = None
    if obstacle is None and reference is not None:
        worst = difference(run.losses[:steps], reference.losses[:steps])
    return ParityRecord(
        case_id=run.case_id,
        reference=reference.label if reference else "",
        strategy=run.strategy,
        options=run.options,
        dataset=run.dataset,
        ranks=run.ranks,
        steps=min(len(run.losses), steps),
        max_relative=worst,
        tolerance=TOLERANCE,
        verdict="not run" if worst is None else "pass" if worst <= TOLERANCE else "fail",
        not_judged=obstacle.kind if obstacle else None,
        reason=obstacle.text if obstacle else "",
    )


class _Obstacle(NamedTuple):
    """Why two runs cannot be compared."""

    kind: NotJudged
    text: str


def _obstacle(run: RunRecord, reference: RunRecord | None, steps: int, synchronous: bool) -> _Obstacle | None:
    if run.status != "ok":
        return _Obstacle(NotJudged.NOT_OK, f"{run.status}: {run.error}")
    if not synchronous:
        return _Obstacle(NotJudged.ASYNCHRONOUS, "not synchronous: its losses are meant to differ")
    if reference is None or reference.status != "ok":
        error = reference.error if reference else "it was not run"
        return _Obstacle(NotJudged.NO_REFERENCE, f"no reference: {error}")
    if mismatch := differing(run, reference):
        return _Obstacle(NotJudged.OTHER_PROBLEM, f"not the same {' and '.join(mismatch)}")
    if min(len(run.losses), len(reference.losses)) < 1:
        return _Obstacle(NotJudged.NO_STEPS, "no steps were trained")
    if min(run.steps or 0, steps) > (reference.steps or 0):
        text = f"{run.steps} steps against {reference.steps} of the reference"
        return _Obstacle(NotJudged.SHORT_REFERENCE, text)
    return None


def differing(run: RunRecord, other: RunRecord, among: Iterable[str] = PROBLEM) -> list[str]:
    """Fingerprints that both runs have and that are not equal."""
    return [
        name
        for name in among
        if name in run.fingerprints
        and name in other.fingerprints
        and run.fingerprints[name] != other.fingerprints[name]
    ]
