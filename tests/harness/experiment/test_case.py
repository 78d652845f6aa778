from wideload.harness.experiment.case import CANONICAL_NAMES, Case
from wideload.harness.workload.workload import Workload


def case(**changes: object) -> Case:
    values: dict[str, object] = {"workload": Workload(dataset="census"), "strategy": "local", "ranks": 2, "threads": 1}
    return Case.model_validate(values | changes)


def test_the_id_is_a_function_of_what_is_measured() -> None:
    assert case().case_id == case().case_id


def test_every_field_changes_the_id() -> None:
    changes: list[dict[str, object]] = [
        {"kind": "tower"},
        {"workload": Workload(dataset="census", seed=1)},
        {"strategy": "horovod"},
        {"options": {"mode": "sync"}},
        {"distributed": False},
        {"ranks": 3},
        {"threads": 2},
        {"repeat": 1},
        {"warmup_steps": 1},
        {"evaluate": False},
        {"eval_every": 5},
        {"select": "best"},
        {"select": "best", "patience": 3},
        {"cold_start": True},
        {"preload": True},
        {"kept_losses": 10},
        {"trace": True},
        {"handicap": 0.05},
    ]
    assert {key for change in changes for key in change} == set(Case.model_fields), "a field that this test forgot"
    ids = {case(**change).case_id for change in changes}
    assert len(ids | {case().case_id}) == len(changes) + 1


def test_ids_are_those_that_earlier_versions_have_stored() -> None:
    """A field that gets a new name must not make finished cases unknown."""
    assert case().case_id == "local-r2-0-a58ff5849e87"
    assert case(kept_losses=7, options={"mode": "sync"}, strategy="sparse_ps").case_id == "sparse_ps-r2-0-a5c7c7a64b97"


def test_a_case_that_was_stored_under_old_names_is_read() -> None:
    stored = {
        CANONICAL_NAMES.get(key, key): value for key, value in case(kept_losses=7).model_dump(mode="json").items()
    }
    assert "losses" in stored
    assert Case.model_validate(stored) == case(kept_losses=7)


def test_a_single_process_gets_the_cores_of_all_ranks() -> None:
    alone = case(distributed=False, ranks=3, threads=2)
    assert (alone.processes, alone.threads_per_process) == (1, 6)


def test_a_distributed_strategy_gets_one_process_a_rank() -> None:
    spread = case(ranks=3, threads=2)
    assert (spread.processes, spread.threads_per_process) == (3, 2)
