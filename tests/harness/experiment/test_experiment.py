from pathlib import Path

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.experiment.experiment import Experiment, from_document, load
from wideload.options import Spec

DOCUMENT = {"strategies": ["local", "sparse_ps[mode=[sync,async]]"], "workload": {"dataset": "census"}}


def experiment(**changes: object) -> Experiment:
    return from_document(DOCUMENT | changes, "test")


def test_a_grid_in_a_strategy_stands_for_several() -> None:
    assert [str(spec) for spec in experiment().specs()] == ["local", "sparse_ps[mode=sync]", "sparse_ps[mode=async]"]


def test_a_strategy_named_twice_is_measured_once() -> None:
    assert len(experiment(strategies=["local", "local"]).specs()) == 1


def test_without_a_matrix_there_is_one_variant() -> None:
    assert len(experiment().variants()) == 1


def test_a_matrix_stands_for_every_combination() -> None:
    variants = experiment(matrix={"workload": {"batch_size": [1, 2]}, "threads": [1, 2, 3]}).variants()
    assert {(variant.workload.batch_size, variant.threads) for variant in variants} == {
        (size, threads) for size in (1, 2) for threads in (1, 2, 3)
    }


def test_include_adds_a_variant_outside_the_matrix() -> None:
    variants = experiment(matrix={"threads": [1]}, include=[{"threads": 8, "workload": {"batch_size": 5}}]).variants()
    assert [(variant.threads, variant.workload.batch_size) for variant in variants] == [(1, 1024), (8, 5)]


def test_exclude_matches_strategy_and_values_together() -> None:
    rules = [{"strategy": "sparse_ps[mode=async]", "ranks": 4}]
    variant = experiment(ranks=[2, 4], exclude=rules).variants()[0]
    sync, asynchronous = (Spec.parse(f"sparse_ps[mode={mode}]") for mode in ("sync", "async"))
    assert variant.excludes(asynchronous, 4)
    assert not variant.excludes(asynchronous, 2)
    assert not variant.excludes(sync, 4)


def test_an_unknown_key_names_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'repeats'"):
        experiment(repeat=3)


def test_an_unknown_key_of_the_workload_names_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        experiment(workload={"dataset": "census", "batchsize": 3})


def test_an_unknown_key_of_the_matrix_names_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        experiment(matrix={"workload": {"batch_sise": [1, 2]}})


def test_a_matrix_value_that_is_no_list_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected a list of values"):
        experiment(matrix={"threads": 2})


def test_limits_are_written_as_durations() -> None:
    assert experiment(time_limit="2m").time_limit == 120


def test_one_number_of_ranks_need_not_be_a_list() -> None:
    assert experiment(ranks=3).ranks == (3,)


def test_overrides_replace_values_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text('strategies = ["local"]\nthreads = 4\n[workload]\ndataset = "census"\nbatch_size = 7\n')
    loaded = load(file, {"workload.batch_size": 9})
    assert (loaded.threads, loaded.workload.batch_size, loaded.workload.dataset) == (4, 9, "census")


def test_what_is_stored_reads_back_equal(tmp_path: Path) -> None:
    original = experiment(matrix={"threads": [1, 2]}, exclude=[{"strategy": "local"}], time_limit="90s")
    file = tmp_path / "experiment.toml"
    file.write_text(original.to_toml())
    assert load(file) == original


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("strategies = [")
    with pytest.raises(UsageError, match="cannot be read"):
        load(file)


def test_keys_under_their_old_names_are_read() -> None:
    old = {
        "foreign_limit": 0.3,
        "foreign_retries": 2,
        "checkpoint_every": 5,
        "checkpoint_seconds": "10m",
        "checkpoint_keep": 4,
        "checkpoint_full_every": 3,
        "checkpoint_background": False,
        "checkpoint_mirror": "memory://a",
    }
    checkpoint = {"every": 5, "seconds": 600, "keep": 4, "full_every": 3, "background": False, "mirror": "memory://a"}
    assert experiment(**old) == experiment(background_limit=0.3, background_retries=2, checkpoint=checkpoint)


def test_old_names_are_read_in_a_matrix_and_its_rules() -> None:
    varied = experiment(
        matrix={"checkpoint_every": [5, 10], "foreign_limit": [0.1]},
        include=[{"checkpoint_every": 20}],
        exclude=[{"strategy": "local", "checkpoint_every": 10}],
    )
    variants = varied.variants()
    assert [variant.checkpoint.every for variant in variants] == [5, 10, 20]
    assert [variant.excludes(Spec.parse("local"), 2) for variant in variants] == [False, True, False]


def test_old_names_among_overrides_replace_values_of_a_file_that_has_the_new_ones(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text(
        'strategies = ["local"]\nforeign_limit = 0.5\n[workload]\ndataset = "census"\n[checkpoint]\nkeep = 7\n'
    )
    loaded = load(file, {"checkpoint_every": 9, "foreign_limit": 0.4, "checkpoint.full_every": 2})
    assert (loaded.checkpoint.keep, loaded.checkpoint.every, loaded.checkpoint.full_every) == (7, 9, 2)
    assert loaded.background_limit == 0.4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"foreign_limit": 0.1, "background_limit": 0.1}, "foreign_limit is the old name of background_limit"),
        ({"checkpoint_every": 1, "checkpoint": {"every": 1}}, "checkpoint_every is the old name of checkpoint.every"),
        ({"checkpoint_every": 1, "checkpoint": 3}, "checkpoint is a table"),
        ({"checkpoint_every": 0}, r"checkpoint.every: .* \(given: 0\)"),
    ],
)
def test_a_wrong_value_under_an_old_name_is_named_by_the_new_one(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        experiment(**given)


def test_cases_save_checkpoints_when_there_is_an_interval() -> None:
    assert experiment(checkpoint={"keep": 3}).checkpoints is None
    settings = experiment(checkpoint={"seconds": "5m", "keep": 3}).checkpoints
    assert settings is not None
    assert (settings.every, settings.seconds, settings.keep, settings.folder) == (None, 300, 3, "")


def test_an_override_below_a_value_that_is_no_table_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text('strategies = ["local"]\nthreads = 4\n[workload]\ndataset = "census"\n')
    with pytest.raises(UsageError, match=r"threads\.number: threads is no table but a value"):
        load(file, {"threads.number": 1})
