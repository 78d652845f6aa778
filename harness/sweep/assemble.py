"""Makes the records of a case from what its finished job left behind."""

from __future__ import annotations

import hashlib
import signal
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from wideload.harness.analysis.statistics import settled_after
from wideload.harness.experiment.case import Case
from wideload.harness.job import predictions
from wideload.harness.job.capped_log import tail
from wideload.harness.job.launcher import Finished
from wideload.harness.job.messages import Outcome, RankStatus
from wideload.harness.records.results import CurvePoint, RankRecord, RunRecord, Status
from wideload.harness.records.store import CaseRecords

PERCENTILES = {"p10": 10, "p50": 50, "p90": 90, "p99": 99}
THINNED_LOSSES = 200
UNSETTLED = 0.02
"""Share by which steps that were still warming up may bias the mean step time."""
SHORTEST_WINDOW = 0.5
"""Windows below this number of seconds are too short for the kernel's count of busy time, which has steps of 10 ms."""


def assemble(finished: Finished, attempt: int, round_: int, foreign_limit: float) -> CaseRecords:
    """The records of a job, as complete as its ranks left them."""
    run = _identity(finished.case, attempt, round_).model_copy(update=_circumstances(finished))
    ranks = [_rank(finished, rank, attempt) for rank in range(finished.case.processes)]
    outcomes = [outcome for outcome in finished.outcomes if outcome is not None]
    curve: list[CurvePoint] = []
    if finished.verdict.status == "ok":
        curve = _curve(finished, outcomes[0])
        run = run.model_copy(update=_measurements(finished, outcomes, foreign_limit) | _memory(ranks))
        run = run.model_copy(update=_quality(finished, outcomes[0]))
    return CaseRecords(run, ranks, curve)


def refused(case: Case, attempt: int, round_: int, reason: str) -> CaseRecords:
    """The record of a case that was not started."""
    update = {"status": "refused", "error": reason, "started": _written(datetime.now(UTC).timestamp())}
    return CaseRecords(_identity(case, attempt, round_).model_copy(update=update), [], [])


def _identity(case: Case, attempt: int, round_: int) -> RunRecord:
    return RunRecord(
        case_id=case.case_id,
        status="ok",
        kind=case.kind,
        attempt=attempt,
        strategy=case.strategy,
        options=case.options,
        dataset=case.workload.dataset,
        ranks=case.ranks,
        processes=case.processes,
        threads=case.threads_per_process,
        repeat=case.repeat,
        round=round_,
        batch_size=case.workload.batch_size,
        fingerprints={"workload": case.workload.fingerprint},
    )


def _circumstances(finished: Finished) -> dict[str, object]:
    verdict = finished.verdict
    bad = verdict.status != "ok"
    return {
        "status": verdict.status,
        "error": verdict.error,
        "log_tail": _failing_tail(finished) if bad else None,
        "command": finished.command,
        "started": _written(finished.started),
        "seconds": finished.seconds,
        "hosts": sorted({rank_status.host for rank_status in finished.statuses if rank_status is not None}),
    }


def _failing_tail(finished: Finished) -> str:
    failing_rank = finished.verdict.failing_rank
    logs = [finished.logs[failing_rank]] if failing_rank is not None else finished.logs
    text = "\n".join(filter(None, (tail(log) for log in logs)))
    return text or tail(finished.launcher_log)


def _measurements(finished: Finished, outcomes: list[Outcome], foreign_limit: float) -> dict[str, object]:
    first = outcomes[0]
    foreign = foreign_cores(outcomes)
    examples, seconds = first.window_examples, first.window_seconds
    cpu = sum(outcome.window_cpu_seconds for outcome in outcomes)
    flagged = [f"foreign CPU {foreign:.2f} cores"] if foreign is not None and foreign > foreign_limit else []
    flagged += [
        f"rank {rank_status.rank} did not exit cleanly: {_end(rank_status)}"
        for rank_status in finished.statuses
        if rank_status and _dirty(rank_status)
    ]
    return {
        "steps": first.steps,
        "examples": sum(outcome.examples for outcome in outcomes),
        "warmup_steps": first.warmup_steps,
        "examples_per_second": examples / seconds if seconds > 0 and examples else None,
        "step_ms": percentiles(first.step_ms),
        "phases_ms": _phases(outcomes),
        "model_bytes": _totals(outcome.footprint for outcome in outcomes),
        "cpu_seconds_per_example": cpu / examples if examples else None,
        "foreign_cores": foreign,
        "flagged": flagged,
        "counters": _totals(outcome.counters for outcome in outcomes),
        "losses": global_losses(outcomes, finished.case.losses),
        "fingerprints": first.fingerprints | {"order": order_fingerprint(outcomes)},
    }


def _unsettled(first: Outcome) -> list[str]:
    """A flag if the steps right after the warm-up were still slower than the rest."""
    unsettled = settled_after(first.step_ms)
    if not unsettled:
        return []
    early, rest = float(np.mean(first.step_ms[:unsettled])), float(np.mean(first.step_ms[unsettled:]))
    # A few slow steps in a long window do not matter; what counts is how much they shift the mean.
    if (early - rest) * unsettled < UNSETTLED * rest * len(first.step_ms):
        return []
    return [
        f"not settled for the first {unsettled} timed steps: {early:.2f} ms against {rest:.2f} ms; raise warmup_steps"
    ]


def _memory(ranks: list[RankRecord]) -> dict[str, int | None]:
    rss = [rank.peak_rss_bytes for rank in ranks if rank.peak_rss_bytes is not None]
    pss = [rank.peak_pss_bytes for rank in ranks if rank.peak_pss_bytes is not None]
    return {
        "peak_rss_bytes": max(rss) if rss else None,
        "peak_pss_bytes": sum(pss) if len(pss) == len(ranks) and pss else None,
    }


def _quality(finished: Finished, first: Outcome) -> dict[str, float | None]:
    last = predictions.of_step(finished.folder, first.steps, finished.case.processes) if first.points else None
    if last is None:
        return {}
    found = {"auc": last.auc, "logloss": last.logloss, "copc": last.copc}
    apart = predictions.of_novelty(finished.folder, first.steps, finished.case.processes)
    if apart is None:
        return found
    new, seen = (None if part is None else part.auc for part in (apart.new, apart.seen))
    return found | {"auc_new": new, "auc_seen": seen, "new_share": apart.share}


def _curve(finished: Finished, first: Outcome) -> list[CurvePoint]:
    points = []
    for point in first.points:
        measured = predictions.of_step(finished.folder, point.step, finished.case.processes)
        if measured is not None and measured.auc is not None:
            points.append(
                CurvePoint(
                    case_id=finished.case.case_id,
                    step=point.step,
                    examples=point.examples,
                    seconds=point.seconds,
                    auc=measured.auc,
                    logloss=measured.logloss,
                )
            )
    return points


def percentiles(samples: list[float]) -> dict[str, float]:
    """Percentiles and mean, in the unit of the samples; empty without samples."""
    if not samples:
        return {}
    values = np.percentile(samples, list(PERCENTILES.values()))
    return {name: float(value) for name, value in zip(PERCENTILES, values, strict=True)} | {
        "mean": float(np.mean(samples))
    }


def foreign_cores(outcomes: list[Outcome]) -> float | None:
    """Mean number of busy cores that the job did not use, on the machine where it was largest.

    None if the window is too short to tell.
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


def global_losses(outcomes: list[Outcome], keep: int) -> list[float]:
    """Loss of every global batch for the first ``keep`` steps, then of every n-th, so that about 200 more remain."""
    losses: list[float] = np.sum([outcome.losses for outcome in outcomes], axis=0).tolist()
    rest = losses[keep:]
    return losses[:keep] + rest[:: max(len(rest) // THINNED_LOSSES, 1)]


def order_fingerprint(outcomes: list[Outcome]) -> str:
    """16 hex digits over the first global batches; independent of the number of ranks."""
    checksums = np.sum([outcome.batch_checksums for outcome in outcomes], axis=0, dtype=np.int64)
    return hashlib.blake2b(checksums.tobytes(), digest_size=8).hexdigest()


def _phases(outcomes: list[Outcome]) -> dict[str, float]:
    """Mean milliseconds of each phase, per step and rank."""
    steps = sum(outcome.window_steps for outcome in outcomes)
    totals = _totals(outcome.phases_ms for outcome in outcomes)
    return {name: total / steps for name, total in totals.items()} if steps else {}


def _totals(counts: Iterable[dict[str, int] | dict[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for count in counts:
        for name, value in count.items():
            total[name] += value  # type: ignore[assignment]  # Counter adds floats as well
    return dict(total)


def _rank(finished: Finished, rank: int, attempt: int) -> RankRecord:
    rank_status, outcome = finished.statuses[rank], finished.outcomes[rank]
    return RankRecord(
        case_id=finished.case.case_id,
        attempt=attempt,
        rank=rank,
        host=rank_status.host if rank_status else "",
        status=_rank_status(finished, rank),
        exit_code=rank_status.exit_code if rank_status else None,
        signal=signal.Signals(rank_status.signal).name if rank_status and rank_status.signal else None,
        pid=rank_status.pid if rank_status else None,
        peak_rss_bytes=rank_status.peak_rss_bytes if rank_status else None,
        peak_pss_bytes=_largest(
            rank_status.peak_pss_bytes if rank_status else None, outcome.pss_bytes if outcome else None
        ),
        cpu_seconds=rank_status.cpu_seconds if rank_status else None,
        context_switches=rank_status.context_switches if rank_status else None,
        examples=outcome.examples if outcome else None,
        log_path=f"logs/{finished.logs[rank].name}",
    )


def _largest(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _rank_status(finished: Finished, rank: int) -> Status:
    """Only the failing rank gets the status of the case; a rank that was ended because of it is ``crashed``."""
    outcome = finished.outcomes[rank]
    if outcome is not None and outcome.error is None:
        return "ok"
    if rank == finished.verdict.failing_rank:
        return finished.verdict.status
    return "failed" if outcome is not None else "crashed"


def _dirty(rank_status: RankStatus) -> bool:
    return rank_status.signal is not None or bool(rank_status.exit_code)


def _end(rank_status: RankStatus) -> str:
    return signal.Signals(rank_status.signal).name if rank_status.signal else f"exit code {rank_status.exit_code}"


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
