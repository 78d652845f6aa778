"""Splits that are exact, refused where they would be empty, and data that are prepared for evaluation alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.datasets.prepare import splitting
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.prepared.manifest import Manifest
from wideload.errors import DataError, UsageError

LAYOUT = """
header = false
time = 2
[label]
column = 0
[[field]]
name = "word"
column = 1
[[field]]
name = "tags"
column = 1
separator = "|"
[[field]]
name = "n"
column = 2
kind = "number"
"""


def prepared(tmp_path: Path, lines: list[str], out: str = "out", **options: object) -> Manifest:
    (tmp_path / "layout.toml").write_text(LAYOUT)
    (tmp_path / "log.csv").write_text("".join(line + "\n" for line in lines))
    asked = Request(reader="custom", options={"layout": str(tmp_path / "layout.toml")}, **options)  # type: ignore[arg-type]
    return prepare(asked, str(tmp_path / "log.csv"), tmp_path / out)


def sizes(manifest: Manifest) -> tuple[int, ...]:
    return tuple(manifest.rows(split) for split in ("train", "validation", "test"))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([5] * 100, (70, 20, 10)),
        ([1] * 60 + [5] * 40, (70, 20, 10)),
        ([5] * 95 + [9] * 5, (70, 20, 10)),
        (list(range(100)), (70, 20, 10)),
        ([""] * 50 + [5] * 50, (85, 10, 5)),
    ],
)
@pytest.mark.parametrize("sample", [200_000, 30])
def test_equal_times_are_shared_out_in_row_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list, expected: tuple[int, ...], sample: int
) -> None:
    monkeypatch.setattr(splitting, "SAMPLE", sample)
    rule = SplitRule(by="time", validation=0.2, test=0.1)
    lines = [f"{row % 2},w{row},{time}" for row, time in enumerate(times)]
    manifest = prepared(tmp_path, lines, split=rule, rows_per_shard=7)
    assert sizes(manifest) == pytest.approx(expected, abs=0 if sample > 100 else 12)
    if len(set(times)) == 1:
        dataset = load(f"shards[path={tmp_path / 'out'}]")
        tags = [row["tags"] for batch in dataset.stream("train", Plan(50)) for row in batch.to_pylist()]
        assert tags == [[f"w{row}"] for row in range(len(tags))]


def test_a_split_that_would_be_empty_is_refused_with_the_counts(tmp_path: Path) -> None:
    lines = [f"{row % 2},same,{row}" for row in range(20)]
    with pytest.raises(DataError, match=r"split would be empty: train \d+, validation 0, test \d+; 20 rows"):
        prepared(tmp_path, lines, split=SplitRule(by="hash", key=("word",), test=0.5))
    assert not list((tmp_path / "out").glob("*.parquet"))
    assert sizes(prepared(tmp_path, lines, split=SplitRule(by="none"))) == (20, 0, 0)


def test_no_row_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train split would be empty: train 0, validation 0, test 0; 1 rows"):
        prepared(tmp_path, ["x,w,1"], bad_rows={"policy": "skip"})


def test_a_test_split_of_one_class_is_noted(tmp_path: Path) -> None:
    lines = [f"{int(row < 50)},w,{row}" for row in range(100)]
    assert prepared(tmp_path, lines).provenance.notes == (
        "the test split holds only rows with label 0: there is no AUC on it",
    )
    assert prepared(tmp_path, lines, out="other", split=SplitRule(by="hash")).provenance.notes == ()


@pytest.mark.parametrize("by", ["hash", "auto"])
@pytest.mark.parametrize(("key", "message"), [("tags", "holds lists and cannot be a key"), ("x", "no field 'x'")])
def test_a_key_must_be_a_field_with_one_value(tmp_path: Path, by: str, key: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"{message}.*Fields that can be keys: word, n\."):
        prepared(tmp_path, ["1,a,1"], split={"by": by, "key": (key,)})


def test_data_for_evaluation_take_over_vocabularies_and_means(tmp_path: Path) -> None:
    first = prepared(tmp_path, [f"{row % 2},{word},{row}" for row, word in enumerate("aaabbc")], split={"by": "none"})
    later = ["1,c,7", "0,new,8", "1,a,9"]
    again = prepared(tmp_path, later, out="later", split={"by": "none"}, fitted_on=str(tmp_path / "out"))
    assert sizes(again) == (0, 0, 3)
    assert [field.mean for field in again.fields] == [field.mean for field in first.fields]
    one, other = (load(f"shards[path={tmp_path / name}]") for name in ("out", "later"))
    assert one.schema() == other.schema()
    (batch,) = other.stream("test", Plan(8))
    assert batch["word"].indices.to_pylist() == [2, None, 0]


def test_a_folder_that_was_fitted_on_other_fields_is_refused(tmp_path: Path) -> None:
    prepared(tmp_path, ["1,a,1", "0,b,2"], split={"by": "none"})
    (tmp_path / "layout.toml").write_text(LAYOUT.replace('name = "word"', 'name = "colour"'))
    asked = Request(
        reader="custom",
        options={"layout": str(tmp_path / "layout.toml")},
        split=SplitRule(by="none"),
        fitted_on=str(tmp_path / "out"),
    )
    with pytest.raises(DataError, match="has no field 'colour'"):
        prepare(asked, str(tmp_path / "log.csv"), tmp_path / "later")
