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
def test_another_problem_is_refused_unless_forced_and_then_named(
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


def with_baseline(folder: str, text: str) -> Path:
    (Path(folder) / "experiment.toml").write_text(text)
    return Path(folder)


def test_a_baseline_that_did_not_finish_is_not_replaced_by_a_variant(fill: Callable[..., str]) -> None:
    fill("run", "horovod", [100.0], status="crashed", error="rank 1 was ended by SIGKILL")
    fill("run", "horovod", [50.0], options={"fused": True})
    folder = with_baseline(fill("run", "sparse_ps", [200.0]), 'baseline = "horovod"')
    with pytest.raises(UsageError, match="did not finish: crashed: rank 1 was ended by SIGKILL"):
        against_baseline(folder, "examples_per_second")


def test_a_baseline_that_was_asked_for_and_not_run_is_not_replaced_by_a_variant(fill: Callable[..., str]) -> None:
    fill("run", "horovod", [50.0], options={"fused": True})
    text = 'strategies = ["horovod", "horovod[fused=true]", "sparse_ps"]\nbaseline = "horovod"'
    folder = with_baseline(fill("run", "sparse_ps", [200.0]), text)
    with pytest.raises(UsageError, match=r"no case of its baseline horovod\. It has: horovod\[fused=true\], sparse_ps"):
        against_baseline(folder, "examples_per_second")


def test_one_of_several_variants_is_not_chosen_by_its_name(fill: Callable[..., str]) -> None:
    """The shortest label need not be the variant with the fewest options, and neither is what was asked for."""
    fill("run", "horovod", [50.0], options={"an_option_with_a_long_name": "long"})
    folder = with_baseline(fill("run", "horovod", [60.0], options={"a": 1, "b": 2}), 'baseline = "horovod"')
    with pytest.raises(UsageError, match="no case of its baseline horovod"):
        against_baseline(folder, "examples_per_second")


def test_the_only_variant_of_a_baseline_stands_for_it(fill: Callable[..., str]) -> None:
    fill("run", "horovod", [50.0], options={"fused": True})
    text = 'strategies = ["horovod[fused=true]", "sparse_ps"]\nbaseline = "horovod"'
    folder = with_baseline(fill("run", "sparse_ps", [200.0]), text)
    (found,) = against_baseline(folder, "examples_per_second")
    assert (found.candidate, found.baseline) == ("sparse_ps", "horovod[fused=true]")


def test_a_baseline_with_options_means_the_variant_with_exactly_these(fill: Callable[..., str]) -> None:
    fill("run", "sparse_ps", [10.0], options={"mode": "async"})
    folder = fill("run", "sparse_ps", [40.0], options={"mode": "async", "threads": 2})
    (found,) = against_baseline(with_baseline(folder, 'baseline = "sparse_ps[mode=async]"'), "examples_per_second")
    assert (found.baseline, found.candidate) == ("sparse_ps[mode=async]", "sparse_ps[mode=async,threads=2]")


def test_a_baseline_whose_options_are_defaults_is_explained(fill: Callable[..., str]) -> None:
    folder = with_baseline(fill("run", "sparse_ps", [10.0]), 'baseline = "sparse_ps[mode=sync]"')
    with pytest.raises(UsageError, match="has its default value is not part of a name here"):
        against_baseline(folder, "examples_per_second")


def test_an_unknown_metric_names_the_nearest(fill: Callable[..., str]) -> None:
    with pytest.raises(UnknownNameError, match="examples_per_second"):
        compare("a", "b", "example_per_second")


STARVED = [{"kind": "oversubscribed", "text": "4 compute threads on 2 cores"}]


def test_a_case_without_the_cores_that_it_needed_takes_no_part_where_time_is_compared(fill: Callable[..., str]) -> None:
    folder = fill("a", "local", [100.0] * 6, auc=0.8)
    fill("a", "horovod", [50.0] * 6, auc=0.9)
    fill("a", "horovod", [900.0], flagged=STARVED, auc=0.9)  # takes the place of the first round
    (found,) = compare(f"{folder}:local", f"{folder}:horovod", "examples_per_second")
    assert (found.ratio.pairs, found.ratio.median) == (5, 0.5)
    (found,) = compare(f"{folder}:local", f"{folder}:horovod", "auc")
    assert found.ratio.pairs == 6


def test_sides_that_never_had_their_cores_are_refused_with_the_reason(fill: Callable[..., str]) -> None:
    folder = fill("a", "local", [100.0] * 6)
    fill("a", "horovod", [50.0] * 6, flagged=STARVED)
    with pytest.raises(UsageError, match=r"Left out: horovod: 4 compute threads on 2 cores\.$"):
        compare(f"{folder}:local", f"{folder}:horovod", "examples_per_second")
