"""Which state is kept as the best, and when training stops."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wideload.errors import DataError, UsageError
from wideload.harness.cluster import Cluster
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import from_document
from wideload.harness.rank import selection
from wideload.harness.rank.selection import Selection
from wideload.harness.sweep.preflight import check_selection
from wideload.harness.workload.workload import Workload

LABELS = np.array([0, 1, 0, 1], np.float32)
RANKED = {
    0.5: np.array([1, 0, 0, 1], np.float32),
    0.75: np.array([0.5, 0.4, 0, 1], np.float32),
    1.0: np.array([0, 1, 0, 1], np.float32),
}
"""Predictions by their AUC."""


class Alone:
    """A communicator of one."""

    def allgather(self, mine: Any) -> list[Any]:
        return [mine]

    def Barrier(self) -> None: ...  # noqa: N802 - MPI's name


class State:
    """A trainer whose state is a number."""

    def __init__(self) -> None:
        self.step = 0

    def save(self, directory: Path) -> None:
        (directory / "state").write_text(str(self.step))

    def restore(self, directory: Path) -> None:
        self.step = int((directory / "state").read_text())


def trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, aucs: list[float], patience: int | None = None
) -> tuple[State, Selection]:
    """What is left after evaluations with these AUCs, one every ten steps."""
    state = State()
    session: Any = SimpleNamespace(job=SimpleNamespace(path=folder), cluster=Cluster(0, 1, Alone()), trainer=state)
    monkeypatch.setattr(selection, "predicted", lambda *_: (LABELS, RANKED[aucs[state.step // 10 - 1]]))
    chosen = Selection(session, patience)
    for _ in aucs:
        state.step += 10
        if chosen.consider(state.step):
            break
    chosen.settle(state.step)
    return state, chosen


def test_the_best_state_is_restored_and_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, chosen = trained(tmp_path, monkeypatch, [0.5, 1.0, 0.75])
    assert state.step == 20
    assert chosen.counters() == {"selected_step": 20.0, "validation_auc": 1.0}
    assert list(tmp_path.iterdir()) == []


def test_of_equal_states_the_first_is_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained(tmp_path, monkeypatch, [0.75, 0.75, 0.5])[0].step == 10


def test_training_stops_after_so_many_evaluations_without_a_better_auc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, chosen = trained(tmp_path, monkeypatch, [0.75, 0.5, 0.75, 1.0], patience=2)
    assert (chosen.last_step, chosen.stopped, state.step) == (30, True, 10)
    state, chosen = trained(tmp_path, monkeypatch, [0.5, 0.5, 0.75, 0.5], patience=2)
    assert (chosen.last_step, chosen.stopped, state.step) == (40, False, 30)


def test_the_state_after_the_last_step_is_considered_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State()
    session: Any = SimpleNamespace(job=SimpleNamespace(path=tmp_path), cluster=Cluster(0, 1, Alone()), trainer=state)
    monkeypatch.setattr(selection, "predicted", lambda *_: (LABELS, RANKED[1.0 if state.step == 13 else 0.5]))
    chosen = Selection(session)
    state.step = 10
    chosen.consider(10)
    state.step = 13
    chosen.settle(13)
    assert (state.step, chosen.best_step) == (13, 13)


def test_a_split_of_one_class_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session: Any = SimpleNamespace(job=SimpleNamespace(path=tmp_path), cluster=Cluster(0, 1, Alone()), trainer=State())
    monkeypatch.setattr(selection, "predicted", lambda *_: (np.ones(4, np.float32), RANKED[0.5]))
    with pytest.raises(DataError, match="4 examples, 4 of them positive"):
        Selection(session).consider(10)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"select": "best", "evaluate": False}, "needs evaluate"),
        ({"patience": 2}, "patience needs select"),
        ({"select": "best", "checkpoint": {"every": 10}}, "cannot resume"),
    ],
)
def test_terms_that_do_not_go_together_are_refused(terms: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_document({"strategies": ["local"], "workload": {"dataset": "census"}, **terms}, "test")


def test_data_without_a_validation_split_are_refused_before_the_run() -> None:
    case = Case(workload=Workload(dataset="census"), strategy="local", ranks=1, select="best")
    with pytest.raises(UsageError, match=r"no validation split.*--validation"):
        check_selection(case)


def test_cases_that_do_not_select_keep_their_ids() -> None:
    case = Case(workload=Workload(dataset="census"), strategy="local", ranks=2)
    others = [case.changed(select="best"), case.changed(select="best", patience=3)]
    assert len({case.case_id, *(other.case_id for other in others)}) == 3
    assert case.case_id == "local-r2-0-a58ff5849e87"
