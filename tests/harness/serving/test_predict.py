"""Raw rows are scored as training evaluates them, by a checkpoint and by a SavedModel, with columns of every kind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wideload.datasets import load
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.raw_rows import Origin
from wideload.datasets.rejects import BadRows
from wideload.harness.workload.workload import Workload

pytest.importorskip("tensorflow")

LAYOUT = """
missing = ["NA"]
split = "part"
[label]
column = "click"
[[field]]
name = "price"
kind = "number"
[[field]]
name = "word"
[[field]]
name = "user"
kind = "integer"
[[field]]
name = "shop"
kind = "id"
[[field]]
name = "session"
kind = "hex"
[[field]]
name = "tags"
separator = "|"
weights = "worth"
"""
TAGS = {"name": "tags", "encoder": {"kind": "hash", "buckets": 50}}
COLUMNS = {
    "auto": False,
    "column": [
        {"kind": "numeric", "name": "price", "transform": "log1p", "missing_indicator": True},
        {"kind": "bucketised", "name": "bucket", "field": "price", "boundaries": [20.0, 50.0], "embedding": {}},
        {"kind": "category", "name": "word"},
        {"kind": "category", "name": "hashed word", "field": "word", "encoder": {"kind": "hash", "buckets": 7}},
        {"kind": "category", "name": "user", "encoder": {"kind": "hash"}},
        {"kind": "category", "name": "shop"},
        {"kind": "category", "name": "session", "encoder": {"kind": "hash", "buckets": 20}},
        {"kind": "sequence", "last": 2, **TAGS},
        {"kind": "category", "name": "all tags", "field": "tags", "encoder": {"kind": "hash"}},
        {"kind": "crossed", "name": "pairs", "of": ["tags", "word"], "buckets": 99},
        {"kind": "merged", "name": "bag", "of": ["word", "tags"], "buckets": 99},
        {"kind": "shared", "name": "both", "of": ["word", "tags"], "encoder": {"kind": "hash", "buckets": 9}},
    ],
}


def rows(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Rows with words that training has not seen, missing values, lists, and a note that no field reads."""
    random = np.random.default_rng(seed)
    for number in range(count):
        tags = [random.choice(["a", " b", "NA", "c, d", f"new{number % 11}"]) for _ in range(random.integers(0, 4))]
        tags = [] if tags == ["NA"] else tags  # an empty list, which has no weights
        yield {
            "click": str(int(random.integers(0, 2))),
            "note": random.choice(["", " NA ", 'said "yes"', "性别"]),
            "price": random.choice(["", "NA", str(int(random.integers(0, 100)))]),
            "word": random.choice(["red", " red", "green", "", "NA", f"w{number}"]),
            "user": random.choice(["", "-3", str(2**63 + 1 + number % 9), str(number % 7)]),
            "shop": random.choice(["", str(number % 30)]),
            "session": random.choice(["", "ffffffffffffffff", format(number, "x")]),
            "tags": "|".join(tags),
            "worth": "|".join(random.choice(["1", "0.5", "0"]) for _ in tags),
            "part": "test" if number % 4 == 0 else "train",
        }


def write(path: Path, made: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    return path


def run(*words: object) -> Result:
    from wideload.harness.cli import cli

    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def made() -> list[dict[str, str]]:
    return list(rows(1200, 3))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, made: list[dict[str, str]]) -> str:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "layout.toml").write_text(LAYOUT)
    asked = Request(reader="custom", options={"layout": str(folder / "layout.toml")}, bad_rows=BadRows(policy="error"))
    prepare(asked, str(write(folder / "log.csv", made)), folder / "shards")
    (folder / "layout.toml").unlink()
    return f"shards[path={folder / 'shards'}]"


@pytest.fixture(scope="module")
def model(train: Callable[..., Any], census: Callable[..., Workload], dataset: str) -> Any:
    return train("sparse_ps", census(dataset=dataset, columns=COLUMNS, batch_size=64))


@pytest.fixture(scope="module")
def served(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "served"
    done = run("checkpoint", "saved-model", model.checkpoint, out)
    assert done.exit_code == 0, done.output
    assert "no signature" not in done.output
    return out


@pytest.fixture
def test_rows(made: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in made if row["part"] == "test"]


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["checkpoint", "saved model"])
def test_scores_are_those_of_training_and_all_fields_are_kept(
    model: Any, served: Path, test_rows: list[dict[str, str]], tmp_path: Path, kind: str
) -> None:
    source = write(tmp_path / "new.csv", test_rows)
    place = model.checkpoint if kind == "checkpoint" else served
    for out in (tmp_path / "scores.parquet", tmp_path / "scores.csv"):
        done = run("predict", place, source, "-o", out)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "300 rows scored; 300 rows in, 0 rejected" in done.stdout
    table = pq.read_table(tmp_path / "scores.parquet")
    np.testing.assert_allclose(table["score"].to_numpy(), model.predicted, atol=1e-6, rtol=0)
    assert [{**row, "score": None} for row in table.to_pylist()] == [{**row, "score": None} for row in test_rows]
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        again = list(csv.DictReader(file))
    assert [{**row, "score": None} for row in again] == [{**row, "score": None} for row in test_rows]
    np.testing.assert_allclose([float(row["score"]) for row in again], model.predicted, atol=1e-6, rtol=0)


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["checkpoint", "saved model"])
def test_rows_need_no_label_and_bad_ones_are_counted(
    model: Any, served: Path, test_rows: list[dict[str, str]], tmp_path: Path, kind: str
) -> None:
    bare = [{name: value for name, value in row.items() if name not in ("click", "part")} for row in test_rows]
    bad = {**bare[5], "price": "cheap"}
    one, two = write(tmp_path / "1.csv", [*bare[:100], bad]), write(tmp_path / "2.csv", bare[100:])
    out, place = tmp_path / "scores.parquet", model.checkpoint if kind == "checkpoint" else served
    refused = run("predict", place, one, two, "-o", out)
    assert refused.exit_code != 0
    assert "1.csv:102: column 'price': not a number" in str(refused.exception)
    assert not list(tmp_path.glob("*scores*"))
    done = run("predict", place, one, two, "-o", out, "--bad-rows", "skip")
    assert "300 rows scored; 301 rows in, 1 rejected\n  1 x column 'price': not a number" in done.stdout
    np.testing.assert_allclose(pq.read_table(out)["score"].to_numpy(), model.predicted, atol=1e-6, rtol=0)
    (rejected,) = (tmp_path / "scores.parquet.rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["line"] == 102


@pytest.mark.mpi
@pytest.mark.slow
def test_what_cannot_be_written_is_refused(model: Any, test_rows: list[dict[str, str]], tmp_path: Path) -> None:
    source = write(tmp_path / "new.csv", test_rows)
    assert "scores are written as .parquet or .csv" in str(
        run("predict", model.checkpoint, source, "-o", tmp_path / "scores.json").exception
    )
    scored = write(tmp_path / "scored.csv", [{**row, "score": "7"} for row in test_rows])
    taken = run("predict", model.checkpoint, scored, "-o", tmp_path / "a.csv")
    assert "have a column 'score' already: name the score with --score-column" in str(taken.exception)
    fine = run("predict", model.checkpoint, scored, "-o", tmp_path / "a.csv", "--score-column", "mine")
    assert fine.exit_code == 0, fine.exception
    other = write(tmp_path / "other.csv", [{**row, "more": "7"} for row in test_rows])
    mixed = run("predict", model.checkpoint, source, other, "-o", tmp_path / "b.csv")
    assert "score files of different columns one by one" in str(mixed.exception)
    (tmp_path / "empty.csv").write_text(source.read_text(encoding="utf-8").splitlines()[0] + "\n")
    none = run("predict", model.checkpoint, tmp_path / "empty.csv", "-o", tmp_path / "c.csv")
    assert "no row to score" in str(none.exception)
    assert not (tmp_path / "c.csv").exists()


@pytest.mark.mpi
@pytest.mark.slow
def test_census_as_published_without_labels(
    train: Callable[..., Any], census: Callable[..., Workload], raw_test_split: Path, tmp_path: Path
) -> None:
    model = train("local", census())
    table = pq.read_table(raw_test_split)
    fields = table.drop_columns(["label"]).add_column(2, "fnlwgt", pa.array([7] * len(table)))
    pa.csv.write_csv(fields, tmp_path / "adult.csv")
    done = run("predict", model.checkpoint, tmp_path / "adult.csv", "-o", tmp_path / "scores.parquet")
    assert done.exit_code == 0, done.exception
    found = pq.read_table(tmp_path / "scores.parquet")
    assert found.column_names == [*fields.column_names, "score"]
    np.testing.assert_allclose(found["score"].to_numpy(), model.predicted, atol=1e-6, rtol=0)


def test_generated_data_have_no_raw_rows(tmp_path: Path) -> None:
    from wideload.errors import UsageError
    from wideload.harness.checkpoints.trained import Trained
    from wideload.harness.serving.origin import origin_of

    name = "planted[examples=100,test_examples=10]"
    trained = Trained(Workload(dataset=name), load(name), None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="was not prepared from files"):
        origin_of(trained)


def test_a_folder_of_an_older_version_needs_a_layout() -> None:
    from wideload.errors import UsageError

    with pytest.raises(UsageError, match="name the layout with --layout"):
        Origin("custom").open("new.csv")
