"""The initial weights have a fingerprint of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wideload.datasets.contract import Field, Schema
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.model import initial_rows
from wideload.harness.model.fingerprint import fingerprint
from wideload.harness.workload.columns import Category, Columns, Embedding, Initializer, Pretrained
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload

SCHEMA = Schema("label", (Field("shop", "categorical", cardinality=50), Field("price", "numeric")))


def fingerprint_of(seed: int = 1, keys: str = "ids", units: tuple[int, ...] = (4,), **embedding: object) -> str:
    columns = Columns(column=(Category(name="shop", embedding=Embedding(**embedding)),))
    workload = Workload(dataset="tiny", columns=columns, model=Model(hidden_units=units), seed=seed)
    return fingerprint(workload, FeatureColumnAdapter(columns, SCHEMA, keys=keys).layout)


def test_strategies_that_name_rows_differently_start_alike() -> None:
    assert fingerprint_of(keys="signs") == fingerprint_of(keys="ids")


@pytest.mark.parametrize("change", [{"seed": 2}, {"units": (5,)}, {"initializer": Initializer(kind="normal")}])
def test_whatever_changes_the_start_changes_it(change: dict[str, object]) -> None:
    assert fingerprint_of(**change) != fingerprint_of()


def test_other_pretrained_rows_are_another_start(tmp_path: Path) -> None:
    def trained(value: float) -> str:
        path = tmp_path / f"{value}.npz"
        np.savez(path, key=np.arange(3), value=np.full((3, 8), value, np.float32))
        return fingerprint_of(dimension=8, pretrained=Pretrained(path=str(path)))

    assert len({trained(0.5), trained(0.25), fingerprint_of(dimension=8)}) == 3


def test_rows_that_are_drawn_differently_are_noticed_whatever_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint_of()
    monkeypatch.setattr(initial_rows, "salt_of", lambda name: len(name))
    assert fingerprint_of() != before
