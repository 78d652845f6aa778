"""Import paths that were public before modules moved keep working."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from wideload.moved import MOVED


def forgotten(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, old, raising=False)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_same_module_and_says_where_it_is_now(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten(old, monkeypatch)
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to {MOVED[old]}") as told:
        found = importlib.import_module(old)
    new = importlib.import_module(MOVED[old])
    assert found is new
    assert new.__spec__ is not None
    assert new.__spec__.name == new.__name__ == MOVED[old]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("statement", "new"),
    [
        ("from wideload.harness.batch import Batch, BatchLayout, Combiner, Keys", "wideload.harness.features.layout"),
        ("from wideload.harness.columns import Category, Columns", "wideload.harness.workload.columns"),
        ("from wideload.harness.encoding import ABSENT, Encoder, register", "wideload.harness.features.encoder"),
        ("from wideload.harness.changes import compare", "wideload.harness.features.remapping"),
        ("from wideload.harness.results import Results, RunRecord", "wideload.harness.records.results"),
        ("from wideload.strategies.replicated_options import SingleOptions", "wideload.strategies.replicated.options"),
        ("from wideload.reports.render import render", "wideload.reports.html.render"),
        ("from wideload.reports.markdown import markdown", "wideload.reports.plain.markdown"),
    ],
)
def test_objects_are_the_same_under_both_names(statement: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten(statement.split()[1], monkeypatch)
    names: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"has moved to {new}"):
        exec(statement, names)  # noqa: S102 - what a script would say
    module = importlib.import_module(new)
    for name in statement.partition(" import ")[2].split(", "):
        assert names[name] is getattr(module, name)


def test_old_names_that_are_packages_now_offer_what_the_module_did() -> None:
    from wideload.harness.experiment import Experiment, from_document, load
    from wideload.harness.experiment import experiment as new_experiment
    from wideload.harness.workload import AdaGrad, Adam, Ftrl, Model, Optimizer, Sgd, Workload, optimizers
    from wideload.harness.workload import model as new_model
    from wideload.harness.workload import workload as new_workload

    assert (Experiment, from_document, load) == (
        new_experiment.Experiment,
        new_experiment.from_document,
        new_experiment.load,
    )
    assert Workload is new_workload.Workload
    assert Model is new_model.Model
    assert (AdaGrad, Adam, Ftrl, Sgd, Optimizer) == (
        optimizers.AdaGrad,
        optimizers.Adam,
        optimizers.Ftrl,
        optimizers.Sgd,
        optimizers.Optimizer,
    )


def test_the_contract_of_strategies_is_public_under_both_names() -> None:
    from wideload.harness import contract as new
    from wideload.strategies import contract as old

    renamed = {"Cut": "Snapshot"}
    assert all(getattr(old, name) is getattr(new, renamed.get(name, name)) for name in old.__all__)
    assert {"Availability", "Cut", "Footprint", "StepResult", "Strategy", "Trainer", "Written"} <= set(old.__all__)


@pytest.mark.slow
def test_what_strategies_offer_to_scripts_is_there() -> None:
    pytest.importorskip("tensorflow")
    from wideload.strategies import replicated, sparse_ps

    for package in (replicated, sparse_ps):
        assert all(getattr(package, name) for name in package.__all__)


def test_the_warning_is_about_the_line_that_imports() -> None:
    script = "import wideload.harness.batch"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "<string>:1: DeprecationWarning: wideload.harness.batch has moved to wideload.harness.features.layout" in (
        done.stderr
    )


@pytest.mark.parametrize(
    "old",
    [
        "wideload.harness.calibrate",
        "wideload.harness.cli.reference",
        "wideload.harness.links",
        "wideload.harness.two_hosts",
        "wideload.strategies.variants",
    ],
)
def test_programs_run_under_their_old_names(old: str) -> None:
    old_way, new_way = (
        subprocess.run([sys.executable, "-m", name, "--help"], capture_output=True, text=True, check=False)
        for name in (old, MOVED[old])
    )
    # The first paragraph is how the program was called.
    assert old_way.stdout.partition("\n\n")[2] == new_way.stdout.partition("\n\n")[2]
    assert old_way.returncode == new_way.returncode
    assert f"{old} has moved to {MOVED[old]}" in old_way.stderr
    assert old_way.stdout or "usage:" in old_way.stderr
