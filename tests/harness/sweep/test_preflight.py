import psutil
import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.features.layout import BatchLayout, SlotLayout, TableLayout
from wideload.harness.sweep import preflight
from wideload.harness.workload import Adam, Model, Sgd, Workload


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


@pytest.mark.usefixtures("fakes")
def test_a_case_that_fits_has_no_obstacle() -> None:
    assert preflight.memory_obstacle(case(ranks=1), "signs") == ""


@pytest.mark.usefixtures("fakes")
def test_a_case_that_cannot_fit_says_what_it_needs_and_what_is_there() -> None:
    obstacle = preflight.memory_obstacle(case(ranks=100_000), "ids")
    assert "needs at least" in obstacle
    assert "are free" in obstacle


@pytest.mark.usefixtures("fakes")
def test_rows_that_are_shared_out_cost_once_and_not_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "PROCESS_BYTES", 0)
    monkeypatch.setattr(preflight, "table_bytes", lambda *_: psutil.virtual_memory().total // 50)
    assert "every process holds all rows" in preflight.memory_obstacle(case(ranks=100), "ids")
    assert preflight.memory_obstacle(case(ranks=100), "ids", sharded=True) == ""


def test_a_full_disk_is_an_obstacle_before_a_case_starts(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage)
    assert "MiB are left on the disk" in preflight.disk_obstacle(tmp_path)
