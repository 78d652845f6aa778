from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wideload import datasets
from wideload.harness.experiment.case import Case
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import BatchLayout, SlotLayout, TableLayout
from wideload.harness.job.memory_limits import Host
from wideload.harness.records.results import Cause
from wideload.harness.sweep import preflight
from wideload.harness.workload import Adam, Model, Sgd, Workload
from wideload.harness.workload.columns import Columns


def case(ranks: int = 2) -> Case:
    return Case(workload=Workload(dataset="tiny"), strategy="logistic", ranks=ranks, threads=1)


def test_a_table_costs_its_weights_and_its_optimizers_state() -> None:
    slot = SlotLayout("id", "sum", rows=1000, first_row=0)
    layout = BatchLayout((TableLayout("t", wide=1, dim=8, first_slot=0, slots=(slot,)),), 0)
    # FTRL keeps two floats per wide weight, AdaGrad one per float of an embedding.
    assert preflight.table_bytes(case(), layout) == 1000 * 4 * (1 * 3 + 8 * 2)


@pytest.mark.parametrize(("momentum", "copies"), [(0.0, 1), (0.9, 2)])
def test_sgd_costs_its_momentum_when_it_has_one(momentum: float, copies: int) -> None:
    slot = SlotLayout("id", "sum", rows=1000, first_row=0)
    layout = BatchLayout((TableLayout("t", wide=0, dim=8, first_slot=0, slots=(slot,)),), 0)
    model = Model(deep_optimizer=Sgd(momentum=momentum), wide_optimizer=Adam())
    trained = case().model_copy(update={"workload": Workload(dataset="tiny", model=model)})
    # The table has no wide weights, so the wide optimizer keeps nothing, not even its count of updates.
    assert preflight.table_bytes(trained, layout) == 1000 * 4 * 8 * copies


LARGE = "planted[slots=2,vocabulary=1000000,numeric=1,examples=100,test_examples=10]"
RANKS = 4


class Free(Host):
    """A host with so many bytes of free memory."""

    def __init__(self, size: int) -> None:
        object.__setattr__(self, "size", size)

    __slots__ = ("size",)

    def available_bytes(self) -> int:
        return self.size


def large() -> Case:
    return Case(workload=Workload(dataset=LARGE), strategy="anything", ranks=RANKS, threads=1)


def tables() -> int:
    """Bytes of all tables of the large case, in one process."""
    columns = FeatureColumnAdapter(large().workload.columns, datasets.load(LARGE).schema(), keys="ids")
    return preflight.table_bytes(large(), columns.layout)


def test_the_large_case_has_tables_of_its_vocabulary() -> None:
    """Two columns of a million ids: at least the wide weight with FTRL's state, three floats a row."""
    assert tables() > 2 * 1_000_000 * 3 * 4


@pytest.mark.parametrize(
    ("keys", "sharded", "copies", "said"),
    [
        ("signs", False, 0, "needs at least"),
        ("ids", False, RANKS, "every process holds all rows"),
        ("ids", True, 1, "they share the rows"),
    ],
)
def test_a_case_is_refused_when_a_byte_is_missing_and_not_before(
    keys: str, sharded: bool, copies: int, said: str
) -> None:
    need = RANKS * preflight.PROCESS_BYTES + copies * tables()
    assert preflight.memory_obstacle(large(), keys, sharded, Free(need)) == ""
    obstacle = preflight.memory_obstacle(large(), keys, sharded, Free(need - 1))
    assert said in obstacle
    assert f"needs at least {need / 2**30:.1f} GiB on {RANKS} processes" in obstacle
    assert f"{(need - 1) / 2**30:.1f} GiB are free" in obstacle


def test_every_refusal_has_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cause(unavailable: str = "", **columns: Any) -> Cause | None:
        workload = Workload(dataset=LARGE, columns=Columns.model_validate(columns))
        tried = large().model_copy(update={"workload": workload, "ranks": 1})
        found = preflight.refusal(tried, tmp_path, unavailable, "signs", False)
        return found.cause if found else None

    assert cause() is None
    assert cause("install it") is Cause.NOT_INSTALLED
    assert cause(column=[{"kind": "category", "name": "c", "field": "nowhere"}]) is Cause.WRONG_REQUEST
    monkeypatch.setattr(preflight, "PROCESS_BYTES", 1 << 60)
    assert cause() is Cause.DOES_NOT_FIT
    monkeypatch.setattr(preflight, "DISK_BYTES", 1 << 60)
    assert cause() is Cause.DISK_FULL


def test_a_full_disk_is_an_obstacle_before_a_case_starts(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage)
    assert "MiB are left on the disk" in preflight.disk_obstacle(tmp_path)
