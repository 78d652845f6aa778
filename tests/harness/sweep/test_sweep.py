"""Whole experiments over real jobs."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import Results, RunRecord
from wideload.harness.sweep.sweep import Sweep, as_check

pytestmark = [pytest.mark.mpi, pytest.mark.slow, pytest.mark.usefixtures("fakes")]


class Notes:
    """Records which cases were started; may interrupt one of them."""

    def __init__(self, interrupt: str = "") -> None:
        self.started_cases: list[str] = []
        self.interrupt = interrupt

    def planned(self, todo: int, done: int) -> None:
        self.todo, self.done = todo, done

    def started(self, number: int, case: Case) -> None:
        self.started_cases.append(case.strategy)

    def warned(self, text: str) -> None: ...

    def progress(self, case: Case, statuses: list[RankStatus]) -> None:
        if case.strategy == self.interrupt:
            raise KeyboardInterrupt

    def ended(self, run: RunRecord) -> None: ...


def sweep(folder: Path, notes: Notes | None = None, **document: object) -> Sweep:
    defaults: dict[str, object] = {
        "strategies": ["logistic_alone", "logistic"],
        "reference": "logistic_alone",
        "workload": {"dataset": "tiny", "batch_size": 100},
        "stall_limit": 2,
        "warmup_steps": 2,
    }
    return Sweep.prepare(from_document(defaults | document, "test"), folder, notes or Notes(), Hosts())


def test_finished_cases_are_not_run_again(tmp_path: Path) -> None:
    sweep(tmp_path).run()
    again = Notes()
    runs = sweep(tmp_path, again).run()
    assert (again.started_cases, again.done) == ([], 2)
    assert [run.status for run in runs] == ["ok", "ok"]


def test_a_failed_case_is_run_again_on_request_as_another_attempt(tmp_path: Path) -> None:
    strategies = ["logistic", "faulty[fault=raise]"]
    sweep(tmp_path, strategies=strategies).run()
    again = Notes()
    runs = sweep(tmp_path, again, strategies=strategies).run("failed")
    assert again.started_cases == ["faulty"]
    assert [run.attempt for run in runs] == [0, 1]


def test_a_failure_does_not_stop_the_sweep(tmp_path: Path) -> None:
    runs = sweep(tmp_path, strategies=["faulty[fault=kill]", "not_installed", "logistic"]).run()
    assert [run.status for run in runs] == ["crashed", "refused", "ok"]
    assert "pip install library" in runs[1].error


def test_a_case_without_training_data_fails_with_the_numbers(tmp_path: Path) -> None:
    workload = {"dataset": "tiny[examples=0,test_examples=100]", "batch_size": 10}
    (run,) = sweep(tmp_path, strategies=["logistic"], workload=workload, stall_limit=20).run()
    assert (run.status, run.auc) == ("failed", None)
    assert "the training split of tiny[examples=0,test_examples=100] is empty" in str(run.error)
    assert "0 validation and 100 test examples" in str(run.error)


def test_an_interrupt_loses_only_the_running_case(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path, Notes(interrupt="logistic")).run()
    assert [run.strategy for run in Results.read(tmp_path).runs] == ["logistic_alone"]
    rest = Notes()
    sweep(tmp_path, rest).run()
    assert rest.started_cases == ["logistic"]


def test_a_strategy_that_forgets_to_average_fails_parity_and_a_correct_one_passes(tmp_path: Path) -> None:
    strategies = ["logistic_alone", "logistic", "not_averaged"]
    checked = sweep(tmp_path, strategies=strategies, parity=True)
    runs = checked.run()
    assert {check.strategy: check.verdict for check in checked.checks} == {"logistic": "pass", "not_averaged": "fail"}
    assert {run.strategy: run.parity for run in runs}["not_averaged"] == "fail"
    assert [check.verdict for check in Results.read(tmp_path).checks] == ["pass", "fail"]


def test_parity_finds_its_reference_when_the_experiment_does_not_name_it(tmp_path: Path) -> None:
    checked = sweep(tmp_path, strategies=["logistic"], parity=True, parity_steps=10)
    checked.run()
    assert [(check.verdict, check.steps) for check in checked.checks] == [("pass", 10)]


def test_a_check_compares_as_many_steps_as_asked_for(tmp_path: Path) -> None:
    prepared = sweep(tmp_path)
    prepared.experiment = as_check(prepared.experiment, 7)
    runs = prepared.run()
    assert [run.steps for run in runs] == [7, 7]
    assert prepared.checks[0].verdict == "pass"


def test_every_rank_trains_on_its_share_of_the_same_batches(tmp_path: Path) -> None:
    alone, spread = sweep(tmp_path, ranks=3).run()
    names = {"workload", "unseeded", "problem", "data", "columns", "weights", "order", "input"}
    assert set(alone.fingerprints) == names
    assert alone.fingerprints == spread.fingerprints
    assert alone.auc == pytest.approx(spread.auc)


def test_batches_that_are_in_memory_before_the_first_step_are_the_same_batches(tmp_path: Path) -> None:
    (streamed,) = sweep(tmp_path / "stream", strategies=["logistic"]).run()
    (loaded,) = sweep(tmp_path / "memory", strategies=["logistic"], preload=True).run()
    assert (loaded.fingerprints["input"], streamed.fingerprints["input"]) == ("memory", "stream")
    assert loaded.fingerprints["order"] == streamed.fingerprints["order"]
    assert loaded.auc == streamed.auc


def test_metrics_during_training_become_a_curve(tmp_path: Path) -> None:
    (run,) = sweep(tmp_path, strategies=["logistic"], eval_every=10).run()
    curve = Results.read(tmp_path).curves[run.case_id]
    assert [point.step for point in curve] == [10, 20, 30, 40]
    assert curve[-1].auc == run.auc
    assert all(earlier.seconds < later.seconds for earlier, later in itertools.pairwise(curve))


def test_examples_with_values_that_do_not_occur_in_training_are_measured_separately(tmp_path: Path) -> None:
    short = {"dataset": "tiny", "batch_size": 8, "steps": 2}
    alone, spread = sweep(tmp_path, ranks=3, workload=short, warmup_steps=0, cold_start=True).run()
    assert alone.new_share is not None
    assert 0 < alone.new_share < 1
    assert spread.new_share == alone.new_share
    assert spread.auc_new == pytest.approx(alone.auc_new)
    assert spread.auc_seen == pytest.approx(alone.auc_seen)


def test_after_a_whole_pass_no_value_of_a_small_vocabulary_is_new(tmp_path: Path) -> None:
    run = sweep(tmp_path, strategies=["logistic"], cold_start=True).run()[0]
    assert (run.auc_new, run.new_share) == (None, 0.0)
    assert run.auc_seen == run.auc


def test_a_timeline_is_written_on_request(tmp_path: Path) -> None:
    (run,) = sweep(tmp_path, strategies=["logistic"], trace=True).run()
    traces = list(tmp_path.glob(f"state/{run.case_id}/trace.*.json"))
    assert len(traces) == 2


def test_the_input_ceiling_reads_everything_and_trains_nothing(tmp_path: Path) -> None:
    run = sweep(tmp_path, strategies=["logistic"], ceilings=["input"]).run()[1]
    assert (run.kind, run.examples, run.status) == ("input", 4000, "ok")
    assert set(run.losses) == {0.0}


def test_the_ceiling_without_communication_trains_every_rank_by_itself(tmp_path: Path) -> None:
    run = sweep(tmp_path, strategies=["logistic"], reference="logistic", ceilings=["alone"]).run()[1]
    assert (run.kind, run.examples, run.status) == ("alone", 4000, "ok")
