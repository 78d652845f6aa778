from pathlib import Path

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.harness.experiment.experiment import from_document
from wideload.harness.sweep.plan import Planned, plan
from wideload.harness.sweep.sweep import as_check

pytestmark = pytest.mark.usefixtures("fakes")


def planned(**document: object) -> list[Planned]:
    defaults: dict[str, object] = {
        "workload": {"dataset": "tiny"},
        "strategies": ["logistic", "logistic_alone"],
        "reference": "logistic_alone",
    }
    return plan(from_document(defaults | document, "test"))


def order(entries: list[Planned]) -> list[tuple[int, str]]:
    return [(entry.round, entry.case.strategy) for entry in entries]


def test_rounds_are_interleaved_and_the_reference_comes_first() -> None:
    assert order(planned(repeats=2)) == [(r, name) for r in (0, 1) for name in ("logistic_alone", "logistic")]


def test_every_case_appears_once_with_its_own_id() -> None:
    entries = planned(repeats=3, ranks=[1, 2], matrix={"workload": {"batch_size": [10, 20]}})
    assert len({entry.case.case_id for entry in entries}) == len(entries) == 3 * 2 * 2 * 2


def test_options_that_differ_from_their_defaults_are_stored_with_their_types() -> None:
    (entry,) = planned(strategies=["faulty[at_step=3,fault=none]"])
    assert entry.case.options == {"at_step": 3}


def test_two_ways_of_writing_the_same_options_are_one_case() -> None:
    assert len(planned(strategies=["faulty", "faulty[fault=none]"])) == 1


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'at_step'"):
        planned(strategies=["faulty[at_stp=3]"])


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'logistic'"):
        planned(strategies=["logistics"])


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        planned(workload={"dataset": "tyny"})


def test_a_strategy_that_cannot_run_is_planned_with_its_reason() -> None:
    (entry,) = planned(strategies=["not_installed"])
    assert "pip install library" in entry.unavailable


def test_parity_without_the_reference_adds_a_short_run_of_it() -> None:
    first, second = planned(strategies=["logistic"], parity=True, parity_steps=5)
    assert (first.is_reference, first.case.workload.steps, first.case.evaluate) == (True, 5, False)
    assert second.case.strategy == "logistic"


def test_excluded_cases_are_not_planned() -> None:
    entries = planned(ranks=[1, 2], exclude=[{"strategy": "logistic", "ranks": 2}])
    assert [(entry.case.strategy, entry.case.ranks) for entry in entries] == [
        ("logistic_alone", 1),
        ("logistic", 1),
        ("logistic_alone", 2),
    ]


def test_ceilings_are_cases_of_their_own_kind_on_every_rank() -> None:
    entries = planned(ceilings=["input", "tower"])
    assert [(entry.case.kind, entry.case.processes) for entry in entries[2:]] == [("input", 2), ("tower", 2)]


def test_the_fakes_are_found_by_their_entry_points(fakes: Path) -> None:
    from wideload import strategies

    assert "logistic" in strategies.names()


@pytest.mark.parametrize("steps", [0, -3])
def test_a_check_of_no_steps_is_refused(steps: int) -> None:
    """``wideload check --check-steps 0`` would otherwise compare nothing and succeed."""
    document = {"workload": {"dataset": "tiny"}, "strategies": ["logistic"]}
    with pytest.raises(UsageError, match=f"steps: .* greater than or equal to 1 .given: {steps}."):
        as_check(from_document(document, "test"), steps)
