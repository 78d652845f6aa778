from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.analysis.compare import against_baseline, compare
from wideload.harness.records.results import RunRecord
from wideload.harness.records.store import CaseRecords, Store

Make = Callable[..., RunRecord]


@pytest.fixture
def fill(tmp_path: Path, make_run: Make) -> Callable[..., str]:
    def write(name: str, strategy: str, rates: list[float], **changes: Any) -> str:
        store = Store(tmp_path / name)
        for repeat, rate in enumerate(rates):
            case_id = f"{strategy}{changes.get('options', '')}-{repeat}"
            run = make_run(case_id=case_id, strategy=strategy, repeat=repeat, examples_per_second=rate, **changes)
            store.add(CaseRecords(run, [], []))
        return str(tmp_path / name)

    return write


def test_two_folders_are_matched_by_strategy(fill: Callable[..., str]) -> None:
    before = fill("before", "local", [100.0] * 6)
    fill("before", "horovod", [50.0] * 6)
    after = fill("after", "horovod", [60.0] * 6)
    (found,) = compare(before, after, "examples_per_second")
    assert (found.candidate, found.ratio.median, found.verdict) == ("horovod", pytest.approx(1.2), "better")


def test_two_strategies_of_one_folder_are_matched_by_round(fill: Callable[..., str]) -> None:
    folder = fill("run", "local", [100.0, 10.0])
    fill("run", "horovod", [200.0, 20.0])
    (found,) = compare(f"{folder}:local", f"{folder}:horovod", "examples_per_second")
    assert found.ratio.median == pytest.approx(2.0)


def test_options_choose_among_the_variants_of_a_strategy(fill: Callable[..., str]) -> None:
    sync = fill("a", "sparse_ps", [1.0], options={"mode": "sync"})
    fill("b", "sparse_ps", [3.0], options={"mode": "async"})
    other = sync[:-1] + "b"
    (found,) = compare(f"{sync}:sparse_ps[mode=sync]", f"{other}:sparse_ps[mode=async]", "examples_per_second")
    assert found.ratio.median == pytest.approx(3.0)


def test_more_memory_is_worse(fill: Callable[..., str]) -> None:
    before = fill("before", "local", [1.0] * 6, peak_pss_bytes=100)
    after = fill("after", "local", [1.0] * 6, peak_pss_bytes=200)
    (found,) = compare(before, after, "peak_pss_bytes")
    assert found.verdict == "worse"
    assert found.regressed(0.95)


def test_a_small_loss_within_the_noise_is_no_regression(fill: Callable[..., str]) -> None:
    before = fill("before", "local", [100.0] * 6)
    after = fill("after", "local", [80.0, 110.0, 90.0, 105.0, 85.0, 99.0])
    (found,) = compare(before, after, "examples_per_second")
    assert not found.regressed(0.95)


def test_a_clear_loss_is_a_regression(fill: Callable[..., str]) -> None:
    before, after = fill("before", "local", [100.0] * 6), fill("after", "local", [80.0] * 6)
    (found,) = compare(before, after, "examples_per_second")
    assert found.regressed(0.95)
    assert not found.regressed(0.75)


@pytest.mark.parametrize("what", ["problem", "data", "columns", "weights", "order"])
def test_what_is_not_the_same_is_refused_unless_forced_and_then_marked(
    fill: Callable[..., str], make_run: Make, what: str
) -> None:
    before = fill("before", "local", [100.0])
    after = fill("after", "local", [90.0], fingerprints=make_run().fingerprints | {what: "other"})
    with pytest.raises(UsageError, match=f"{what} differ"):
        compare(before, after, "examples_per_second")
    (found,) = compare(before, after, "examples_per_second", force=True)
    assert found.mismatch == (what,)


def test_sides_without_a_common_case_say_what_to_write(fill: Callable[..., str]) -> None:
    before, after = fill("before", "local", [1.0]), fill("after", "horovod", [1.0])
    with pytest.raises(UsageError, match="runs/a:local runs/a:sparse_ps"):
        compare(before, after, "examples_per_second")


def test_a_strategy_that_is_not_there_lists_those_that_are(fill: Callable[..., str]) -> None:
    folder = fill("run", "local", [1.0])
    with pytest.raises(UsageError, match="It has: local"):
        compare(f"{folder}:horovod", f"{folder}:local", "examples_per_second")


def test_one_folder_is_compared_with_the_baseline_of_its_experiment(fill: Callable[..., str]) -> None:
    folder = Path(fill("run", "horovod", [100.0, 10.0]))
    fill("run", "horovod", [50.0, 5.0], options={"exchange": "table"})
    fill("run", "sparse_ps", [200.0, 20.0])
    fill("run", "local", [1.0], ranks=1)  # a setting in which the baseline was not run
    (folder / "experiment.toml").write_text('baseline = "horovod"')
    found = against_baseline(folder, "examples_per_second")
    assert {one.candidate: (one.baseline, one.ratio.median, one.ratio.pairs) for one in found} == {
        "horovod[exchange=table]": ("horovod", pytest.approx(0.5), 2),
        "sparse_ps": ("horovod", pytest.approx(2.0), 2),
    }


def test_one_folder_without_a_baseline_says_what_to_write(fill: Callable[..., str]) -> None:
    with pytest.raises(UsageError, match="names no baseline"):
        against_baseline(Path(fill("run", "local", [1.0])), "examples_per_second")


def test_an_unknown_metric_names_the_nearest(fill: Callable[..., str]) -> None:
    with pytest.raises(UnknownNameError, match="examples_per_second"):
        compare("a", "b", "example_per_second")
