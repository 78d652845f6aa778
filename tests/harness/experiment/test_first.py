"""The first experiment on prepared data."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepared.reader import Prepared
from wideload.datasets.readers.layout import InputField, Kind, Label, Layout
from wideload.harness.experiment.experiment import Experiment, load
from wideload.harness.experiment.first import Sizes, document


def prepared(folder: Path, rows: int, kind: Kind) -> Prepared:
    (folder / "rows.csv").write_text("click,user\n" + "".join(f"{n % 2},{n % 700}\n" for n in range(rows)))
    layout = Layout(label=Label(column="click"), field=(InputField(name="user", kind=kind),))
    prepare(Request(reader="custom", options={"layout": layout}), str(folder / "rows.csv"), folder / "data")
    return Prepared(str(folder / "data"))


def written(folder: Path, rows: int, kind: Kind = "id", strategies: tuple[str, ...] = ("local",)) -> Experiment:
    (folder / "experiment.toml").write_text(document(prepared(folder, rows, kind), strategies))
    return load(folder / "experiment.toml")


@pytest.mark.parametrize("rows", [60, 5_000, 40_000])
def test_it_is_short_but_has_enough_steps(tmp_path: Path, rows: int) -> None:
    found = written(tmp_path, rows)
    steps, batch = found.workload.steps, found.workload.batch_size
    assert steps is not None
    assert 1 <= steps * batch <= 4 * rows
    assert steps <= 1500
    assert steps >= min(400, 4 * (0.8 * rows) // 16)
    assert found.warmup_steps <= max(20, steps // 2)


def test_parity_is_asked_for_where_something_can_be_compared(tmp_path: Path) -> None:
    assert written(tmp_path, 500, strategies=("local", "horovod")).parity
    (tmp_path / "other").mkdir()
    assert not written(tmp_path / "other", 500, strategies=("horovod", "sparse_ps")).parity


def test_hashed_fields_get_twice_as_many_buckets_as_values_and_it_says_what_that_costs(tmp_path: Path) -> None:
    made = prepared(tmp_path, 5000, "integer")
    assert Sizes.of(made) == Sizes({}, {"user": 700})
    assert "auto_buckets = 2048" in document(made, ("local",))
    assert "user: 29% of about 700 values share a row" in document(made, ("local",))


def test_fields_whose_values_are_known_need_no_buckets(tmp_path: Path) -> None:
    assert written(tmp_path, 5000, "id").workload.columns.auto_buckets is None
    (tmp_path / "text").mkdir()
    assert written(tmp_path / "text", 5000, "text").workload.columns.auto_buckets is None


def test_buckets_are_limited_by_what_all_tables_may_hold() -> None:
    many = Sizes({}, {f"f{n}": 3_000_000 for n in range(26)})
    assert many.buckets == 131_072
    assert many.rows(131_072) <= 4_000_000
    assert Sizes({"few": 10}, {"one": 3_000_000}).buckets == 2**20
    assert Sizes({"ids": 5_000_000}, {}).buckets == 2**20


def test_a_field_that_fits_is_not_hashed_because_of_another() -> None:
    assert Sizes({"ids": 50_000}, {"hashed": 10}).buckets == 65_536
