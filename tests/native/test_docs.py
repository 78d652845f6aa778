"""docs/reference/table.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from wideload import SparseTable, _native

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "table.md").read_text()


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/reference/table.md", "exec"), {})  # noqa: S102


def test_the_sizes_of_optimizer_state_are_those_of_the_table() -> None:
    rules = {
        "Ftrl": _native.Ftrl(),
        "AdaGrad": _native.AdaGrad(),
        "RowWiseAdaGrad": _native.RowWiseAdaGrad(),
        "Adam": _native.Adam(),
        "Sgd": _native.Sgd(momentum=0.9),
    }
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    assert documented.keys() == rules.keys()
    for name, rule in rules.items():
        state = SparseTable("t", [_native.Slice("s", 10, optimizer=rule)]).row_floats - 10
        formula = documented[name].split(" with")[0].replace("2 d", "2 * d")
        assert eval(formula, {"d": 10}) == state, name  # noqa: S307


def test_every_rule_of_row_life_is_documented() -> None:
    rules = {name for name in vars(_native.RowLife) if not name.startswith("_")}
    assert {rule for rule in rules if rule in PAGE} == rules


def test_an_empty_table_is_as_small_as_told() -> None:
    assert SparseTable("t", [_native.Slice("s", 8)]).memory()["total"] < 90_000


def test_a_row_costs_what_is_told() -> None:
    table = SparseTable("t", [_native.Slice("s", 8)])
    table.pull(_native.sign_hash(1, np.arange(1_000_000)))
    memory = table.memory()
    payload = memory["weights"] + memory["optimizer"] + memory["headers"]
    assert (memory["total"] - payload) / len(table) < 24
