"""Published files, read by their readers, have the known row counts, label rates and cardinalities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wideload.datasets import load
from wideload.datasets.describe.describe import Description, describe
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule

Sample = Callable[[str], Path]


def described(path: Path, out: Path, **request: object) -> Description:
    prepare(Request(**request), str(path), out)  # type: ignore[arg-type]
    return describe(out)


def by_name(description: Description, what: str) -> dict:
    return {field.name: getattr(field, what) for field in description.fields}


def test_the_criteo_sample(sample: Sample, tmp_path: Path) -> None:
    rule = SplitRule(by="none")
    found = described(sample("criteo_sample_200.txt"), tmp_path / "out", reader="criteo", split=rule)
    assert [(split.name, split.rows, split.label_rate) for split in found.splits] == [
        ("train", 200, pytest.approx(0.245))
    ]
    assert (found.rows_in, found.rows_out, found.rejected) == (200, 200, 0)
    distinct = by_name(found, "distinct")
    assert (distinct["C1"], distinct["C3"], distinct["C9"], distinct["C17"]) == (27, 171, 2, 9)
    assert by_name(found, "missing")["I1"] == pytest.approx(0.450)


def test_the_criteo_sample_reads_the_same_in_the_published_form(sample: Sample, tmp_path: Path) -> None:
    comma = sample("criteo_sample_200.txt")
    tabs = tmp_path / "day_0"
    tabs.write_bytes(b"\n".join(comma.read_bytes().replace(b",", b"\t").split(b"\n")[1:]))
    prints = []
    for number, path in enumerate((comma, tabs)):
        out = tmp_path / str(number)
        prepare(Request(reader="criteo"), str(path), out)
        prints.append(load(f"shards[path={out}]").fingerprint())
    assert prints[0] == prints[1]


def test_the_movielens_sample(sample: Sample, tmp_path: Path) -> None:
    rule = SplitRule(by="none")
    found = described(sample("movielens_sample_200.txt"), tmp_path / "out", reader="movielens", split=rule)
    assert [(split.rows, split.label_rate) for split in found.splits] == [(200, pytest.approx(0.565))]
    distinct = by_name(found, "distinct")
    assert (distinct["user_id"], distinct["movie_id"], distinct["genres"]) == (193, 187, 17)
    lengths = by_name(found, "lengths")["genres"]
    assert lengths[0] == 1
    assert lengths[2] == 5


def test_the_movielens_sample_split_by_time_tests_on_the_latest_ratings(sample: Sample, tmp_path: Path) -> None:
    found = described(sample("movielens_sample_200.txt"), tmp_path / "out", reader="movielens")
    assert [(split.name, split.rows) for split in found.splits] == [("train", 180), ("test", 20)]


def test_frappe_with_its_given_split(sample: Sample, tmp_path: Path) -> None:
    found = described(sample("frappe.parquet"), tmp_path / "out", reader="frappe")
    assert {split.name: split.rows for split in found.splits} == {
        "train": 202_009,
        "validation": 57_717,
        "test": 28_859,
    }
    assert found.rows_in == 288_585
    assert all(split.label_rate == pytest.approx(1 / 3, abs=0.002) for split in found.splits)
    distinct = by_name(found, "distinct")
    assert (distinct["user"], distinct["country"], distinct["weekday"], distinct["isweekend"]) == (956, 80, 7, 2)
    cardinalities = {
        field.name: field.cardinality for field in load(f"shards[path={tmp_path / 'out'}]").schema().fields
    }
    assert cardinalities["item"] == 4082
    assert cardinalities["city"] == 233


def test_census_income_gives_the_shards_that_ship_with_the_package(sample: Sample, tmp_path: Path) -> None:
    path = sample("adult_train.csv").parent
    found = described(path, tmp_path / "out", reader="census")
    assert {split.name: split.rows for split in found.splits} == {"train": 32_561, "test": 16_281}
    rates = {split.name: split.label_rate for split in found.splits}
    assert rates == {"train": pytest.approx(7841 / 32561), "test": pytest.approx(3846 / 16281)}
    assert load(f"shards[path={tmp_path / 'out'}]").fingerprint() == load("census").fingerprint()
