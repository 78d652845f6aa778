"""Makes the records of a case from what its finished job left behind."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import UTC, datetime

from wideload import datasets
from wideload.harness.analysis.metrics import Metrics
from wideload.harness.experiment.case import Case
from wideload.harness.features.feed import held_out_split
from wideload.harness.job import predictions
from wideload.harness.job.capped_log import tail
from wideload.harness.job.launcher import Finished
from wideload.harness.job.messages import Outcome
from wideload.harness.job.watchdog import Verdict
from wideload.harness.records.results import CurvePoint, RankRecord, RunRecord, Status
from wideload.harness.records.schema import Ending, Identity, Memory, Quality, Training
from wideload.harness.records.store import CaseRecords
from wideload.harness.sweep.aggregate import byte_totals, global_losses, order_fingerprint, percentiles, phases, totals
from wideload.harness.sweep.cores import machines, shortages
from wideload.harness.sweep.flags import background_cores, flags
from wideload.harness.sweep.preflight import Refusal


def assemble(finished: Finished, attempt: int, round_: int, background_limit: float) -> CaseRecords:
    """The records of a job, as complete as its ranks left them.

    Args:
        attempt, round_: see :class:`wideload.harness.records.schema.RunRecord`.
        background_limit: cores that other processes may use before the case is flagged.
    """
    finished = _trained(finished)
    case, ending = finished.case, _ending(finished)
    ranks = [_rank(finished, rank, attempt) for rank in range(case.processes)]
    if finished.verdict.status != "ok":
        return CaseRecords(RunRecord.of(_identity(case, attempt, round_), ending, _memory(finished, ranks)), ranks, [])
    outcomes = [outcome for outcome in finished.outcomes if outcome is not None]
    metrics = _last_metrics(finished, outcomes[0])
    run = RunRecord.of(
        _identity(case, attempt, round_, outcomes[0].fingerprints | {"order": order_fingerprint(outcomes)}),
        ending,
        _training(finished, outcomes, background_limit, metrics),
        _memory(finished, ranks),
        _quality(finished, outcomes[0], metrics) if metrics is not None else Quality(),
    )
    return CaseRecords(run, ranks, _curve(finished, outcomes[0]))


def _trained(finished: Finished) -> Finished:
    """The same job, which has failed if it ended well without a single training step."""
    first = finished.outcomes[0]
    if finished.verdict.status != "ok" or first is None or first.steps:
        return finished
    error = f"no training step was done: {finished.case.workload.dataset} gave no batch. Look at its training split."
    return replace(finished, verdict=Verdict("failed", error))


def refused(case: Case, attempt: int, round_: int, refusal: Refusal) -> CaseRecords:
    """The record of a case that was not started."""
    ending = Ending(
        status="refused", error=refusal.reason, cause=refusal.cause, started=_written(datetime.now(UTC).timestamp())
    )
    return CaseRecords(RunRecord.of(_identity(case, attempt, round_), ending), [], [])


def _identity(case: Case, attempt: int, round_: int, fingerprints: dict[str, str] | None = None) -> Identity:
    return Identity(
        case_id=case.case_id,
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
        seed=case.workload.seed,
        fingerprints=fingerprints or {"workload": case.workload.fingerprint, "unseeded": case.workload.unseeded},
    )


def _ending(finished: Finished) -> Ending:
    verdict = finished.verdict
    return Ending(
        status=verdict.status,
        error=verdict.error,
        cause=verdict.cause,
        log_tail=_failing_tail(finished) if verdict.status != "ok" else None,
        started=_written(finished.started),
        seconds=finished.seconds,
        hosts=sorted({rank_status.host for rank_status in finished.statuses if rank_status is not None}),
        command=finished.command,
    )


def _failing_tail(finished: Finished) -> str:
    failing_rank = finished.verdict.failing_rank
    logs = [finished.logs[failing_rank]] if failing_rank is not None else finished.logs
    text = "\n".join(filter(None, (tail(log) for log in logs)))
    return text or tail(finished.launcher_log)


def _training(
    finished: Finished, outcomes: list[Outcome], background_limit: float, metrics: Metrics | None
) -> Training:
    first = outcomes[0]
    background = background_cores(outcomes)
    given = machines(finished.statuses, outcomes)
    examples, seconds = first.window_examples, first.window_seconds
    cpu = sum(outcome.window_cpu_seconds for outcome in outcomes)
    return Training(
        steps=first.steps,
        examples=sum(outcome.examples for outcome in outcomes),
        warmup_steps=first.warmup_steps,
        examples_per_second=examples / seconds if seconds > 0 and examples else None,
        step_ms=percentiles(first.step_ms),
        phases_ms=phases(outcomes),
        model_bytes=byte_totals(outcome.footprint for outcome in outcomes),
        cpu_seconds_per_example=cpu / examples if examples else None,
        background_cores=background,
        cores=min((machine.cores for machine in given), default=None),
        throttled_seconds=max((machine.throttled for machine in given), default=None),
        flagged=[
            *shortages(given, finished.case.threads_per_process),
            *flags(background, background_limit, finished.statuses, first.step_ms, metrics),
        ],
        counters=totals(outcome.counters for outcome in outcomes),
        losses=global_losses(outcomes, finished.case.kept_losses),
    )


def _memory(finished: Finished, ranks: list[RankRecord]) -> Memory:
    limits = [status.memory_limit_bytes for status in finished.statuses if status and status.memory_limit_bytes]
    rss = [rank.peak_rss_bytes for rank in ranks if rank.peak_rss_bytes is not None]
    pss = [rank.peak_pss_bytes for rank in ranks if rank.peak_pss_bytes is not None]
    return Memory(
        peak_rss_bytes=max(rss) if rss else None,
        peak_pss_bytes=sum(pss) if len(pss) == len(ranks) and pss else None,
        memory_limit_bytes=min(limits, default=None),
    )


def _last_metrics(finished: Finished, first: Outcome) -> Metrics | None:
    """Metrics on the held-out split after the last step, None where it was not evaluated."""
    return predictions.of_step(finished.folder, first.steps, finished.case.processes) if first.points else None


def _quality(finished: Finished, first: Outcome, last: Metrics) -> Quality:
    apart = predictions.of_novelty(finished.folder, first.steps, finished.case.processes)
    return Quality(
        auc=last.auc,
        logloss=last.logloss,
        copc=last.copc,
        auc_new=apart.new.auc if apart and apart.new else None,
        auc_seen=apart.seen.auc if apart and apart.seen else None,
        new_share=apart.share if apart else None,
        best_auc=_best_auc(finished.case) if last.auc is not None else None,
    )


def _best_auc(case: Case) -> float | None:
    """Best possible AUC of the held-out split, where the data set knows the truth."""
    dataset = datasets.load(case.workload.dataset)
    split = held_out_split(dataset)
    return dataset.best_auc(split) if split is not None else None


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
                    evaluation_seconds=point.evaluation_seconds,
                    auc=measured.auc,
                    logloss=measured.logloss,
                )
            )
    return points


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
        counters=outcome.counters if outcome else {},
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


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
