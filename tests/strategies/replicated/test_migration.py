"""A saved model is carried over to changed columns, and predicts what it can still know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.remapping import compare
from wideload.harness.workload.columns import Category, Columns, Embedding, Numeric, Vocabulary
from wideload.strategies import find

OLD = (
    Numeric(name="price"),
    Category(name="shop"),
    Category(name="colour", encoder=Vocabulary(values=("red", "green", "blue"), oov_buckets=0)),
)
NEW = (
    Category(name="hue", field="colour", encoder=Vocabulary(values=("mauve", "blue", "green", "red"), oov_buckets=0)),
    Category(name="shop"),
    Numeric(name="price"),
)


def build(everything: Any, columns: Any, model: str = "rich") -> tuple[FeatureColumnAdapter, Any]:
    declared = Columns(auto=False, column=columns)
    adapter = FeatureColumnAdapter(declared, everything.SCHEMA, "ids")
    workload = everything.make_workload(model).model_copy(update={"columns": declared})
    return adapter, find("local")().build(workload, adapter.layout, Cluster.world(1))


@pytest.fixture(scope="module")
def trained(everything: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    adapter, trainer = build(everything, OLD)
    for step in range(20):
        trainer.step(adapter.transform(everything.records(step, 64), global_size=64))
    folder = tmp_path_factory.mktemp("model")
    trainer.save(folder)
    return adapter, trainer, folder


def test_reordered_and_renamed_columns_predict_the_same(everything: Any, trained: Any) -> None:
    old, trainer, folder = trained
    new, other = build(everything, NEW)
    other.warm_start(folder, compare(old, new, {"hue": "colour"}))
    records = everything.records(99, 64)
    known = [row for row, colour in enumerate(records["colour"].to_pylist()) if colour != "mauve"]
    expected = trainer.predict(old.transform(records, global_size=64))
    found = other.predict(new.transform(records, global_size=64))
    assert found[known] == pytest.approx(expected[known], rel=1e-5)


def test_training_resumes_with_the_optimizers_state(everything: Any, trained: Any) -> None:
    old, _, folder = trained
    new, other = build(everything, OLD[::-1])
    other.warm_start(folder, compare(old, new))
    again = build(everything, OLD)[1]
    again.restore(folder)
    records = [everything.records(step, 64) for step in range(30, 34)]
    losses = [
        [one.step(adapter.transform(batch, global_size=64)).loss for batch in records]
        for adapter, one in ((old, again), (new, other))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_longer_embedding_keeps_what_it_had(everything: Any, trained: Any) -> None:
    old, trainer, folder = trained
    new, other = build(everything, (Category(name="shop", embedding=Embedding(dimension=10)),))
    start = other.arrays()["wide10/deep"]
    other.warm_start(folder, compare(old, new))
    found, before = other.arrays()["wide10/deep"], trainer.arrays()["wide8/deep"]
    first = old.layout.tables[0].slots[0].first_row
    assert found[:, :8].tolist() == before[first : first + 50].tolist()
    assert found[:, 8:].tolist() == start[:, 8:].tolist()


def test_another_tower_starts_from_scratch(everything: Any, trained: Any) -> None:
    old, _, folder = trained
    new, other = build(everything, OLD, model="plain")
    start = other.arrays()["tower"]
    other.warm_start(folder, compare(old, new))
    assert other.arrays()["tower"].tolist() == start.tolist()
