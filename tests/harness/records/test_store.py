import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from wideload.errors import UsageError
from wideload.harness.experiment.experiment import from_document, load
from wideload.harness.records import store as store_module
from wideload.harness.records.results import CurvePoint, Results, RunRecord
from wideload.harness.records.store import CaseRecords, Store

Make = Callable[..., RunRecord]


def test_what_is_added_is_read_back(tmp_path: Path, make_run: Make) -> None:
    store = Store(tmp_path / "run")
    store.add(CaseRecords(make_run(), [], []))
    store.add(CaseRecords(make_run(case_id="b"), [], []))
    assert list(store.known()) == ["a", "b"]


def test_a_line_cut_by_a_crash_is_closed_before_the_next(tmp_path: Path, make_run: Make) -> None:
    store = Store(tmp_path)
    (tmp_path / "runs.jsonl").write_text('{"case_id": "lost", "st')
    store.add(CaseRecords(make_run(), [], []))
    assert list(store.known()) == ["a"]


def test_the_curve_of_an_earlier_attempt_is_replaced(tmp_path: Path, make_run: Make) -> None:
    store = Store(tmp_path)
    for attempt in range(2):
        point = CurvePoint(case_id="a", step=attempt, examples=2, seconds=3.0, auc=0.5, logloss=0.6)
        store.add(CaseRecords(make_run(attempt=attempt), [], [point]))
    assert [point.step for point in Results.read(tmp_path).curves["a"]] == [1]


def test_a_second_experiment_in_the_same_folder_does_not_overwrite_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = (
        from_document({"strategies": ["local"], "workload": {"dataset": name}}, "test")
        for name in ("census", "planted")
    )
    for experiment in (first, second, first):
        store.begin(experiment.to_toml(), {}, "")
    stored = {path.name: load(path) for path in tmp_path.glob("*.toml")}
    assert stored == {"experiment.toml": first, "experiment-2.toml": second}


def test_a_full_disk_is_recorded_with_the_reserve(
    tmp_path: Path, make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    reserve = tmp_path / ".reserve"
    write = store_module.append

    def full(path: Path, text: bytes) -> None:
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(store_module, "append", full)
    store.add(CaseRecords(make_run(status="crashed"), [], []))
    assert store.known()["a"].status == "crashed"


def test_a_write_that_fails_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.jsonl"
    store_module.append(path, b"whole\n")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        store_module.append(path, b"half")
    assert path.read_bytes() == b"whole\n"


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--output"):
        Store(tmp_path / "file")


def test_the_same_experiment_in_another_order_is_not_stored_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.begin("ranks = [2]\nthreads = 1\n", {}, "")
    store.begin("threads = 1\nranks = [2]\n", {}, "")
    assert [path.name for path in tmp_path.glob("experiment*.toml")] == ["experiment.toml"]
    store.begin("threads = 2\nranks = [2]\n", {}, "")
    assert (tmp_path / "experiment-2.toml").read_text() == "threads = 2\nranks = [2]\n"
