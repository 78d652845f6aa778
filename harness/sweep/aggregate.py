"""What the ranks of a job measured, taken together: sums, means, percentiles, the losses of global batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

import numpy as np

from wideload.harness.job.messages import Outcome

PERCENTILES = {"p10": 10, "p50": 50, "p90": 90, "p99": 99}
THINNED_LOSSES = 200


def percentiles(samples: list[float]) -> dict[str, float]:
    """Percentiles and mean, in the unit of the samples; empty without samples."""
    if not samples:
        return {}
    values = np.percentile(samples, list(PERCENTILES.values()))
    return {name: float(value) for name, value in zip(PERCENTILES, values, strict=True)} | {
        "mean": float(np.mean(samples))
    }


def global_losses(outcomes: list[Outcome], keep: int) -> list[float]:
    """Loss of every global batch for the first ``keep`` steps, then of every n-th, so that about 200 more remain."""
    losses: list[float] = np.sum([outcome.losses for outcome in outcomes], axis=0).tolist()
    rest = losses[keep:]
    return losses[:keep] + rest[:: max(len(rest) // THINNED_LOSSES, 1)]


def order_fingerprint(outcomes: list[Outcome]) -> str:
    """16 hex digits over the first global batches; independent of the number of ranks."""
    checksums = np.sum([outcome.batch_checksums for outcome in outcomes], axis=0, dtype=np.int64)
    return hashlib.blake2b(checksums.tobytes(), digest_size=8).hexdigest()


def phases(outcomes: list[Outcome]) -> dict[str, float]:
    """Mean milliseconds of each phase, per step and rank."""
    steps = sum(outcome.window_steps for outcome in outcomes)
    spent = totals(outcome.phases_ms for outcome in outcomes)
    return {name: total / steps for name, total in spent.items()} if steps else {}


def totals(counts: Iterable[dict[str, float]]) -> dict[str, float]:
    """The sum of every entry over all ranks."""
    total: dict[str, float] = {}
    for count in counts:
        for name, value in count.items():
            total[name] = total.get(name, 0) + value
    return total


def byte_totals(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sum of every entry over all ranks, of whole numbers."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
