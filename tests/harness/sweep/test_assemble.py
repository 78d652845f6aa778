"""From what a job left behind to its records, without running one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wideload.harness.cli.run_tables import runs_table
from wideload.harness.experiment.case import Case
from wideload.harness.job import predictions
from wideload.harness.job.launcher import Finished
from wideload.harness.job.messages import Outcome, Point, RankStatus
from wideload.harness.job.watchdog import Verdict
from wideload.harness.records.results import Cause, FlagKind
from wideload.harness.sweep.aggregate import global_losses, order_fingerprint, percentiles
from wideload.harness.sweep.assemble import assemble
from wideload.harness.workload.workload import Workload

CASE = Case(workload=Workload(dataset="tiny"), strategy="logistic", ranks=2, threads=1)


def outcome(rank: int, **changes: object) -> Outcome:
    values: dict[str, object] = {
        "rank": rank,
        "host": "a",
        "pid": 1,
        "steps": 10,
        "examples": 500,
        "window_seconds": 2.0,
        "window_examples": 800,
        "window_steps": 8,
        "window_cpu_seconds": 1.5,
        "busy_seconds": 3.5,
        "losses": [0.5] * 10,
        "batch_checksums": [rank + 1, 2],
        "step_ms": [10.0, 20.0, 30.0],
        "phases_ms": {"input": 16.0 * (rank + 1)},
        "pss_bytes": 1000,
        "footprint": {"weights": 10 + rank},
        "counters": {"wire_bytes": 5.0},
        "fingerprints": {"workload": "w", "data": "d"},
    }
    return Outcome.model_validate(values | changes)


def status(rank: int, **changes: object) -> RankStatus:
    values: dict[str, object] = {"rank": rank, "host": f"host{rank}", "pid": 1, "supervisor_pid": 2, "ended": True}
    return RankStatus.model_validate(values | {"exit_code": 0, "peak_rss_bytes": 70 + rank} | changes)


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    return Finished(
        case=CASE,
        verdict=Verdict("ok"),
        folder=tmp_path,
        statuses=[status(0), status(1)],
        outcomes=[outcome(0), outcome(1)],
        logs=[tmp_path / "0.log", tmp_path / "1.log"],
        launcher_log=tmp_path / "mpirun.log",
        command="mpirun",
        started=0.0,
        seconds=3.0,
    )


def test_the_figures_of_a_job_are_those_of_its_ranks_together(finished: Finished) -> None:
    run = assemble(finished, attempt=1, round_=2, background_limit=0.5).run
    assert (run.status, run.attempt, run.round, run.case_id) == ("ok", 1, 2, CASE.case_id)
    assert (run.steps, run.examples, run.examples_per_second) == (10, 1000, 400.0)
    assert run.cpu_seconds_per_example == 3.0 / 800
    assert run.background_cores == pytest.approx((3.5 - 3.0) / 2.0)
    # The mean per step and rank: 16 and 32 ms in all, over 8 steps on each of two ranks.
    assert run.phases_ms == {"input": 3.0}
    assert (run.model_bytes, run.counters) == ({"weights": 21}, {"wire_bytes": 10.0})
    assert (run.peak_rss_bytes, run.peak_pss_bytes) == (71, 2000)
    assert run.hosts == ["host0", "host1"]
    assert run.flagged == []


def test_the_sum_of_pss_is_unknown_when_that_of_a_rank_is(finished: Finished) -> None:
    partly = replace(finished, outcomes=[outcome(0), outcome(1, pss_bytes=None)])
    run = assemble(partly, 0, 0, 0.5).run
    assert (run.peak_pss_bytes, run.peak_rss_bytes) == (None, 71)


def test_a_case_without_a_training_step_has_failed(finished: Finished) -> None:
    untrained = replace(finished, outcomes=[outcome(rank, steps=0, losses=[], points=[]) for rank in range(2)])
    records = assemble(untrained, 0, 0, 0.5)
    assert records.run.status == "failed"
    assert records.run.error == "no training step was done: tiny gave no batch. Look at its training split."
    assert (records.run.auc, records.curve) == (None, [])


def test_a_case_that_did_not_end_well_keeps_its_own_reason(finished: Finished) -> None:
    crashed = replace(finished, verdict=Verdict("crashed", "rank 1 was ended by SIGKILL", 1), outcomes=[None, None])
    run = assemble(crashed, 0, 0, 0.5).run
    assert (run.status, run.error, run.steps) == ("crashed", "rank 1 was ended by SIGKILL", None)
    assert run.fingerprints == {"workload": CASE.workload.fingerprint, "unseeded": CASE.workload.unseeded}


def evaluated(finished: Finished, labels: list[float], predicted: list[float]) -> Finished:
    for rank in range(2):
        arrays = np.array(labels, np.float32), np.array(predicted, np.float32)
        predictions.save_predictions(finished.folder, 10, rank, *arrays)
    point = Point(step=10, examples=1000, seconds=2.0)
    return replace(finished, outcomes=[outcome(0, points=[point]), outcome(1, points=[point])])


@pytest.mark.usefixtures("fakes")
def test_a_held_out_split_of_two_classes_has_an_auc(finished: Finished) -> None:
    records = assemble(evaluated(finished, [0, 1], [0.2, 0.9]), 0, 0, 0.5)
    assert (records.run.auc, records.run.flagged) == (1.0, [])
    assert [(point.step, point.auc) for point in records.curve] == [(10, 1.0)]


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_held_out_split_of_one_class_says_so(finished: Finished, label: float) -> None:
    run = assemble(evaluated(finished, [label, label], [0.2, 0.9]), 0, 0, 0.5).run
    assert (run.status, run.auc) == ("ok", None)
    assert run.logloss is not None
    assert [(flag.kind, flag.text) for flag in run.flagged] == [
        (
            FlagKind.ONE_CLASS,
            f"no AUC: all 4 held-out examples have the label {label:.0f}; hold out others as well",
        )
    ]


def test_predictions_that_are_not_finite_say_so(finished: Finished) -> None:
    run = assemble(evaluated(finished, [0, 1], [float("nan"), 0.9]), 0, 0, 0.5).run
    assert run.auc is None
    assert [flag.text for flag in run.flagged] == ["no AUC: 2 of 4 predictions are not finite; training has diverged"]


def test_percentiles_are_those_of_the_samples() -> None:
    found = percentiles([float(value) for value in range(101)])
    assert found == {"p10": 10.0, "p50": 50.0, "p90": 90.0, "p99": 99.0, "mean": 50.0}
    assert percentiles([]) == {}


def test_losses_are_summed_over_the_ranks_and_thinned_after_those_that_are_kept() -> None:
    ranks = [outcome(rank, losses=[float(step) for step in range(1000)]) for rank in range(2)]
    losses = global_losses(ranks, keep=200)
    assert losses[:200] == [2.0 * step for step in range(200)]
    # 800 more steps, every fourth of them.
    assert losses[200:] == [2.0 * step for step in range(200, 1000, 4)]


def test_few_losses_are_all_kept() -> None:
    assert len(global_losses([outcome(0, losses=[1.0] * 250)], keep=200)) == 250


def test_the_order_of_batches_is_the_same_however_ranks_share_them() -> None:
    whole = order_fingerprint([outcome(0, batch_checksums=[30, 7])])
    assert order_fingerprint([outcome(0, batch_checksums=[10, 3]), outcome(1, batch_checksums=[20, 4])]) == whole
    assert order_fingerprint([outcome(0, batch_checksums=[7, 30])]) != whole
    assert len(whole) == 16


def test_a_slow_start_is_flagged_as_not_settled(finished: Finished) -> None:
    slow = replace(finished, outcomes=[outcome(0, step_ms=[20.0] * 20 + [10.0] * 80), outcome(1)])
    (flag,) = assemble(slow, 0, 0, background_limit=0.5).run.flagged
    assert flag.kind is FlagKind.NOT_SETTLED
    assert "the first 20 timed steps" in flag.text


def test_a_case_that_ran_out_of_memory_says_what_it_used_and_what_there_was(finished: Finished) -> None:
    verdict = Verdict("crashed", "out of memory: ...", 1, Cause.OUT_OF_MEMORY)
    statuses = [status(0, memory_limit_bytes=3000), status(1, memory_limit_bytes=2000, out_of_memory=True)]
    ended = replace(finished, verdict=verdict, outcomes=[None, None], statuses=statuses)
    run = assemble(ended, 0, 0, background_limit=0.5).run
    assert (run.status, run.cause, run.memory_limit_bytes, run.peak_rss_bytes) == (
        "crashed",
        Cause.OUT_OF_MEMORY,
        2000,
        71,
    )
    table, note = runs_table([run])
    assert "out of memory" in [str(cell) for column in table.columns for cell in column.cells]
    assert "out of memory: ..." in str(note)
