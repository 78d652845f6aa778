"""The examples of docs/reference/columns.md do what the page says."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wideload.harness.features import encoder
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.workload.columns import Category, Columns
from wideload.harness.workload.learning_rate import Schedule
from wideload.harness.workload.model import Model
from wideload.harness.workload.optimizers import AdaGrad, Adam, Ftrl, Sgd
from wideload.options import validate
from wideload.strategies.replicated.trainer import ReplicatedTrainer

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "columns.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^(?:<!-- test: (\w+) -->\n)?```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (declaration, claims)
    for (mark, language, declaration), (_, following, claims) in itertools.pairwise(BLOCKS)
    if (language, mark, following) == ("toml", "", "python")
]


def block(language: str, mark: str = "") -> str:
    return next(text for note, found, text in BLOCKS if (found, note) == (language, mark))


def test_every_kind_of_column_has_an_example() -> None:
    shown = {tomllib.loads(declaration)["kind"] for declaration, _ in EXAMPLES}
    assert shown == {"numeric", "bucketised", "category", "sequence", "crossed", "merged", "shared"}


@pytest.mark.parametrize(("declaration", "claims"), EXAMPLES, ids=[example[:60] for example, _ in EXAMPLES])
def test_an_example_gives_what_is_shown(
    schema: Any, rows: Any, bags: Any, monkeypatch: pytest.MonkeyPatch, declaration: str, claims: str
) -> None:
    monkeypatch.setattr(encoder, "_registered", {})
    exec(block("python", "encoder"), {})  # noqa: S102  the page's own code
    given: dict[str, Any] = {}
    exec(block("python"), given)  # noqa: S102
    columns = validate(Columns, {"auto": False, "column": [tomllib.loads(declaration)]}, "docs/reference/columns.md")
    made = FeatureColumnAdapter(columns, schema, "ids")
    batch = made.transform(rows(*given["rows"]), global_size=2)
    found = {
        "dense": batch.dense.tolist(),
        "ids": bags(batch),
        "weights": None if batch.weights is None else split_like(batch.weights.tolist(), bags(batch)),
        "slots": [slot.name for table in made.layout.tables for slot in table.slots],
    }
    for claim in claims.splitlines():
        assert eval(claim, found), claim  # noqa: S307  the page's own code


def split_like(flat: list[float], bags: list[list[int]]) -> list[list[float]]:
    values = iter(flat)
    return [[next(values) for _ in bag] for bag in bags]


def test_the_whole_declaration_loads(schema: Any) -> None:
    columns = validate(Columns, tomllib.loads(block("toml", "declaration")), "docs/reference/columns.md")
    made = FeatureColumnAdapter(columns, schema, "signs")
    assert [column.name for column in made.columns] == ["price", "colour", "tags", "words", "user", "colour_tags"]


@pytest.mark.parametrize("options", [Model, Ftrl, AdaGrad, Adam, Sgd])
def test_every_key_of_the_model_is_on_the_page(options: Any) -> None:
    section = PAGE[PAGE.index("## The model") :]
    assert [key for key in options.model_fields if f"`{key}`" not in section and key != "kind"] == []


def test_the_models_example_loads_and_shows_all_of_the_schedule() -> None:
    document = tomllib.loads(block("toml", "model"))
    assert set(document["schedule"]) == set(Schedule.model_fields)
    model = validate(Model, document, "docs/reference/columns.md")
    assert model.schedule is not None
    assert [model.schedule.factor(step) for step in (99, 1000, 6000)] == pytest.approx([1.0, 1.0, 0.01])


def test_a_trainer_is_started_from_a_model_under_other_columns(schema: Any) -> None:
    """With a trainer that records its arguments; tests/strategies/replicated trains real ones."""
    old = Columns(auto=False, column=(Category(name="shop", field="colour"),))
    new = Columns(auto=False, column=(Category(name="store", field="colour"),))
    given: list[Any] = []
    names: dict[str, Any] = {
        "old_adapter": FeatureColumnAdapter(old, schema, "ids"),
        "new_adapter": FeatureColumnAdapter(new, schema, "ids"),
        "trainer": SimpleNamespace(warm_start=lambda *arguments: given.extend(arguments)),
        "directory": "a folder",
    }
    exec(block("python", "changes"), names)  # noqa: S102  the page's own code
    assert given == ["a folder", names["changes"]]
    assert "4 rows kept" in str(names["changes"])
    assert callable(ReplicatedTrainer.warm_start)


def test_every_block_of_the_page_is_one_that_is_run() -> None:
    examples = {text for example in EXAMPLES for text in example}
    marked = {mark for mark, _, _ in BLOCKS if mark}
    assert marked == {"encoder", "declaration", "model", "changes"}
    left = [text for mark, _, text in BLOCKS if not mark and text not in examples]
    assert left == [block("python")]  # the rows
    assert len(re.findall(r"^```\w", PAGE, re.MULTILINE)) == len(BLOCKS)
