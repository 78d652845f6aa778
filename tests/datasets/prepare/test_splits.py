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


WORDS_ONLY = LAYOUT[: LAYOUT.index('[[field]]\nname = "n"')]


def prepared(tmp_path: Path, lines: list[str], out: str = "out", layout: str = LAYOUT, **options: object) -> Manifest:
    (tmp_path / "layout.toml").write_text(layout)
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


SECONDS = 1_700_000_000
"""2023-11-14T22:13:20Z."""


@pytest.mark.parametrize(
    ("times", "date", "expected"),
    [
        ([SECONDS + row for row in range(10)], "2023-11-14T22:13:27Z", (7, 0, 3)),
        ([1000 * (SECONDS + row) for row in range(10)], "2023-11-14 22:13:27", (7, 0, 3)),
        ([f"2023-11-1{row}" for row in range(10)], "2023-11-18", (8, 0, 2)),
        ([f"2023-11-1{row}T23:59:59.9Z" for row in range(10)], "2023-11-18T00:00:00+02:00", (7, 0, 3)),
        ([""] * 3 + [SECONDS] * 4 + [SECONDS + 1] * 3, "1700000001", (7, 0, 3)),
        (list(range(10)), "6", (6, 0, 4)),
    ],
)
def test_a_split_begins_at_a_date_whatever_the_unit(
    tmp_path: Path, times: list[object], date: str, expected: tuple[int, ...]
) -> None:
    lines = [f"{row % 2},w,{time}" for row, time in enumerate(times)]
    assert sizes(prepared(tmp_path, lines, layout=WORDS_ONLY, split={"test_from": date})) == expected


def test_validation_may_begin_at_a_date_too(tmp_path: Path) -> None:
    lines = [f"{row % 2},w,2026-11-0{row}" for row in range(1, 9)]
    split = {"by": "time", "validation_from": "2026-11-04", "test_from": "2026-11-07"}
    assert sizes(prepared(tmp_path, lines, layout=WORDS_ONLY, split=split)) == (3, 3, 2)
    assert sizes(prepared(tmp_path, lines, "two", WORDS_ONLY, split={"validation_from": "2026-11-04"})) == (3, 5, 0)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"test_from": "yesterday"}, "'yesterday' is no date; write it like 2026-11-08"),
        ({"test_from": "2026-11-08"}, "the times of the source are numbers like 7,"),
        ({"test_from": "7", "validation_from": "8"}, "after test, which begins at 7"),
        ({"test_from": "7", "by": "hash"}, "--split hash does not"),
        ({"test_from": "7", "key": ("word",)}, "--key does not"),
    ],
)
def test_a_date_that_cannot_be_followed_is_refused(tmp_path: Path, split: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepared(tmp_path, ["1,a,7", "0,b,8"], split=split)


def test_a_date_after_all_rows_is_refused_with_the_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the test split would be empty: train 2, validation 0, test 0"):
        prepared(tmp_path, ["1,a,7", "0,b,8"], split={"test_from": "9"})


def test_a_date_needs_times(tmp_path: Path) -> None:
    (tmp_path / "x.svm").write_text("1 1:1\n0 2:1\n")
    layout = tmp_path / "svm.toml"
    layout.write_text('format = "libsvm"\n')
    asked = Request(reader="custom", options={"layout": str(layout)}, split=SplitRule(test_from="7"))
    with pytest.raises(UsageError, match="has no time to split by"):
        prepare(asked, str(tmp_path / "x.svm"), tmp_path / "out")


FORMATS = {
    "libsvm": ("custom", 'format = "libsvm"\n', "{label} {n}:1\n"),
    "csv": ("custom", 'header = false\n[label]\ncolumn = 0\n[[field]]\nname = "n"\ncolumn = 1\n', "{label},{n}\n"),
    "libfm": ("frappe", None, "{label} " + " ".join(f"{place}{{n}}:1" for place in range(1, 11)) + "\n"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_official_files_are_the_splits(tmp_path: Path, kind: str) -> None:
    reader, layout, line = FORMATS[kind]
    paths = {}
    for split, rows in (("a", 5), ("b", 2), ("c", 3)):
        paths[split] = tmp_path / f"{split}.libfm"
        paths[split].write_text("".join(line.format(label=row % 2, n=row) for row in range(rows)))
    options = {}
    if layout is not None:
        (tmp_path / "layout.toml").write_text(layout)
        options = {"layout": str(tmp_path / "layout.toml")}
    files = {"validation_file": str(paths["b"]), "test_file": str(paths["c"])}
    asked = Request(reader=reader, options=options, **files)
    assert sizes(prepare(asked, str(paths["a"]), tmp_path / "out")) == (5, 2, 3)
    other = Request(reader=reader, options=options, test_file=str(paths["c"]))
    assert sizes(prepare(other, str(paths["a"]), tmp_path / "two")) == (5, 0, 3)
    with pytest.raises(UsageError, match="other sources or with other options"):
        prepare(other, str(paths["a"]), tmp_path / "out")
    with pytest.raises(UsageError, match=r"c\.libfm is given for two splits"):
        prepare(asked, str(paths["c"]), tmp_path / "three")
    both = Request(reader=reader, options=options, test_file=str(paths["c"]), split=SplitRule(by="hash"))
    with pytest.raises(UsageError, match="leave out --split"):
        prepare(both, str(paths["a"]), tmp_path / "four")


def test_rows_are_prepared_like_others_without_naming_their_layout(tmp_path: Path) -> None:
    first = prepared(tmp_path, [f"{row % 2},{word},{row}" for row, word in enumerate("aaabbc")], split={"by": "none"})
    (tmp_path / "layout.toml").unlink()
    (tmp_path / "new.csv").write_text("1,c,7\n0,new,8\n")
    like = Request(reader="custom", fitted_on=str(tmp_path / "out"))
    again = prepare(like, str(tmp_path / "new.csv"), tmp_path / "later")
    assert sizes(again) == (0, 0, 2)
    assert [(one.name, one.vocabulary_crc32, one.mean) for one in again.fields] == [
        (one.name, one.vocabulary_crc32, one.mean) for one in first.fields
    ]


def test_options_of_a_format_are_taken_over_and_may_be_given_anew(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user_id,movie_id,rating,timestamp\n1,1,3,1\n2,2,5,2\n3,1,2,3\n")
    asked = Request(reader="movielens", options={"positive_from": "2.5"}, split=SplitRule(by="none"))
    (tmp_path / "joined.csv").write_bytes((tmp_path / "ratings.csv").read_bytes())
    prepare(asked, str(tmp_path / "joined.csv"), tmp_path / "out")
    labels = []
    for given in ({}, {"positive_from": 4}):
        like = Request(reader="movielens", options=given, fitted_on=str(tmp_path / "out"))
        prepare(like, str(tmp_path / "joined.csv"), tmp_path / f"like{len(given)}")
        (batch,) = load(f"shards[path={tmp_path / f'like{len(given)}'}]").stream("test", Plan(8))
        labels.append(batch["label"].to_pylist())
    assert labels == [[1, 1, 0], [0, 1, 0]]


def test_a_folder_without_a_layout_says_so(tmp_path: Path) -> None:
    prepared(tmp_path, ["1,a,1", "0,b,2"], split={"by": "none"})
    manifest = tmp_path / "out" / "manifest.json"
    parsed = Manifest.model_validate_json(manifest.read_bytes())
    old = parsed.model_copy(update={"provenance": parsed.provenance.model_copy(update={"layout": None})})
    old.save(tmp_path / "out")
    with pytest.raises(UsageError, match="name its layout with --layout"):
        prepare(Request(reader="custom", fitted_on=str(tmp_path / "out")), str(tmp_path / "log.csv"), tmp_path / "x")


def test_later_keys_do_not_change_what_a_folder_was_prepared_from() -> None:
    content = Request(reader="criteo").identity
    assert set(content) == {
        "reader", "split", "bad_rows", "rows_per_shard", "rows_per_group", "vocabulary_limit"
    }  # fmt: skip
    assert set(content["split"]) == {"by", "key", "validation", "test"}
