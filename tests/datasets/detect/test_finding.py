"""What is found out about the columns of a file."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.detect.document import document
from wideload.datasets.detect.finding import Chosen, Finding, detect
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.readers.layout import InputField, load_layout
from wideload.errors import DataError, UnknownNameError, UsageError

Columns = dict[str, Callable[[int], Any]]
DRAW = random.Random(1)


def table(path: Path, columns: Columns, rows: int = 200) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows([make(row) for make in columns.values()] for row in range(rows))
    return str(path)


def fields(finding: Finding) -> dict[str, InputField]:
    return {one.column: one.field for one in finding.columns if one.field is not None}


def left_out(finding: Finding) -> dict[str, str]:
    return {one.column: one.why for one in finding.columns if one.field is None}


CLICK: Columns = {"click": lambda row: int(row % 3 == 0)}
OWN: Columns = {
    "event_id": lambda row: f"e{row:06d}",
    "seen_at": lambda row: f"2026-11-{1 + row // 20:02d}T12:{row % 60:02d}:00Z",
    "user_id": lambda row: 2**63 + row % 70,
    "shop": lambda row: ("Bücher, neu", 'Café "Zoë"', "本屋")[row % 3],
    "tags": lambda row: "|".join(("a", "b", "c")[: row % 3]),
    "tag_weights": lambda row: "|".join(("0.5", "1.25", "2.0")[: row % 3]),
    "price": lambda row: f"{row % 17}.50" if row % 9 else "NA",
    "device": lambda row: f"{row % 13 * 2654435761 % 2**32:08x}",
    "hour": lambda row: row % 24,
    "visits": lambda row: row % 40,
    "country": lambda row: "de",
    "comment": lambda row: f"this is remark number {row} of many",
    "paid_at": lambda row: "" if row % 3 else f"2026-12-01T00:00:{row % 60:02d}Z",
    "converted": lambda row: int(row % 30 == 0),
    **CLICK,
}


@pytest.fixture
def own(tmp_path: Path) -> Finding:
    return detect(table(tmp_path / "own.csv", OWN))


def test_roles_of_a_log_with_quotes_times_lists_weights_and_large_ids(own: Finding) -> None:
    assert (own.layout.label.column, own.layout.time, own.layout.missing) == ("click", "seen_at", ("NA",))
    found = fields(own)
    kinds = {name: field.kind for name, field in found.items()}
    assert kinds == {
        "user_id": "integer",
        "shop": "text",
        "tags": "text",
        "price": "number",
        "device": "hex",
        "hour": "id",
        "visits": "number",
        "seen_at": "id",
    }
    assert (found["seen_at"].name, found["seen_at"].part) == ("weekday", "weekday")  # there is an hour already
    assert (found["tags"].separator, found["tags"].weights) == ("|", "tag_weights")


def test_what_no_model_can_learn_from_or_must_not_is_left_out_with_the_reason(own: Finding) -> None:
    assert left_out(own) == {
        "event_id": "another value in every row",
        "tag_weights": "the weights of tags",
        "country": "one value only: de",
        "comment": "free text",
        "paid_at": "another time",
        "converted": "another label",
    }


def test_the_document_is_a_layout_that_reads_every_row(own: Finding, tmp_path: Path) -> None:
    (tmp_path / "layout.toml").write_text(document(own), encoding="utf-8")
    assert load_layout(tmp_path / "layout.toml").kept == own.layout.kept
    request = Request(reader="custom", options={"layout": tmp_path / "layout.toml"})
    manifest = prepare(request, str(tmp_path / "own.csv"), tmp_path / "out")
    assert (manifest.rows("train"), manifest.rows("test"), manifest.provenance.split) == (180, 20, "time")


def test_a_column_that_only_rows_with_the_label_have_is_known_afterwards(tmp_path: Path) -> None:
    columns = CLICK | {
        "basket": lambda row: "" if row % 3 else "full of things"[: 4 + row % 2],
        "n": lambda row: row % 7,
    }
    assert "known only after the label" in left_out(detect(table(tmp_path / "t.csv", columns)))["basket"]


def test_an_unnamed_label_is_a_guess_and_a_choice_ends_it(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"a": lambda r: r % 2, "b": lambda r: int(r % 5 == 0), "c": lambda r: r % 7})
    (question,) = (one for one in detect(path).questions if one.about == "label")
    assert question.choices == ("a", "b")
    answered = detect(path, question.answered(Chosen(), "b"))
    assert answered.layout.label.column == "b"
    assert "label" not in {one.about for one in answered.questions}


def test_without_a_telling_name_columns_that_say_yes_go_first_then_the_first_and_the_last(tmp_path: Path) -> None:
    two: Columns = {name: (lambda r: ("Handy", "Rechner")[r % 2]) for name in ("device", "screen")}
    bought: Columns = {"gekauft": lambda r: ("ja", "nein")[r % 2]}
    other: Columns = {"x": lambda r: r % 7, "p": lambda r: r % 2, "q": lambda r: r // 2 % 2}
    orders = ((two | bought | {"x": other["x"]}, "gekauft"), (other, "q"), ({"p": other["p"]} | other, "p"))
    for number, (columns, label) in enumerate(orders):
        assert detect(table(tmp_path / f"{number}.csv", columns)).layout.label.column == label


def test_what_nearly_every_row_has_another_value_of_is_left_out(tmp_path: Path) -> None:
    columns = CLICK | {"session": lambda r: 2**63 + r - r % 50 // 49, "x": lambda r: r % 7}
    assert left_out(detect(table(tmp_path / "t.csv", columns))) == {"session": "another value in every row"}


def test_of_two_words_the_rarer_one_is_guessed_to_be_1_unless_one_says_yes(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"outcome": lambda r: "kept" if r % 4 else "left", "x": lambda r: r % 7})
    found = detect(path)
    assert found.layout.label.positive == ("left",)
    assert "positive" in {one.about for one in found.questions}
    assert detect(path, Chosen(positive="kept")).layout.label.positive == ("kept",)
    path = table(tmp_path / "u.csv", {"outcome": lambda r: "yes" if r % 4 else "no", "x": lambda r: r % 7})
    assert detect(path).layout.label.positive == ("yes",)
    assert "positive" not in {one.about for one in detect(path).questions}


def test_ratings_count_from_four_fifths_of_the_best(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", {"user": lambda r: r % 30, "stars": lambda r: r % 11 / 2})
    assert detect(path).layout.label.at_least == 4.0


def test_integers_without_a_telling_name_are_a_guess_that_an_option_settles(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", CLICK | {"q": lambda r: 100_000 + r % 90})
    (question,) = detect(path).questions
    assert (question.about, question.column, question.choices) == ("kind", "q", ("id", "number", "out"))
    settled = detect(path, Chosen(kinds={"q": "number"}))
    assert (fields(settled)["q"].kind, settled.questions) == ("number", ())


def test_a_name_that_speaks_of_both_is_decided_by_its_last_word(tmp_path: Path) -> None:
    columns = CLICK | {"userAge": lambda r: r % 90, "age_group": lambda r: r % 90, "item_price": lambda r: r % 90}
    kinds = {name: field.kind for name, field in fields(detect(table(tmp_path / "t.csv", columns))).items()}
    assert kinds == {"userAge": "number", "age_group": "id", "item_price": "number"}


@pytest.mark.parametrize(
    ("cell", "separator"),
    [
        (lambda r: ";".join("abc"[: r % 4]), ";"),
        (lambda r: ",".join(f"{10_000 + n}" for n in range(r % 5)), ","),
        (lambda r: " ".join(f"{1000 + n}" for n in range(r % 5)), " "),
        (lambda r: ("New York", "Rio de Janeiro", "Paris, France", "Bonn")[r % 4], None),
    ],
)
def test_separators_stand_between_parts_that_come_again(
    tmp_path: Path, cell: Callable[[int], str], separator: str | None
) -> None:
    assert fields(detect(table(tmp_path / "t.csv", CLICK | {"many": cell})))["many"].separator == separator


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ts", lambda r: 1_700_000_000 + 60 * r),
        ("ts", lambda r: 1_700_000_000_000 + 60 * r),
        ("hour", lambda r: 2026110100 + r % 24),
        ("anything", lambda r: f"2026-11-08 12:{r % 60:02d}:00.125"),
    ],
)
def test_times_are_known_by_form_and_name(tmp_path: Path, name: str, value: Callable[[int], Any]) -> None:
    assert detect(table(tmp_path / "t.csv", CLICK | {"x": lambda r: r % 7, name: value})).layout.time == name


def test_dates_that_are_not_read_are_left_out_and_said(tmp_path: Path) -> None:
    columns = CLICK | {"x": lambda r: r % 7, "day": lambda r: f"{1 + r % 28:02d}.11.2026"}
    assert "not ISO 8601" in left_out(detect(table(tmp_path / "t.csv", columns)))["day"]


def test_of_two_times_one_is_a_guess(tmp_path: Path) -> None:
    columns = CLICK | {name: (lambda r: f"2026-11-08T12:{r % 60:02d}") for name in ("sent", "opened")}
    path = table(tmp_path / "t.csv", columns | {"x": lambda r: r % 7})
    assert next(one.choices for one in detect(path).questions if one.about == "time") == ("sent", "opened", "none")
    assert detect(path, Chosen(time="none")).layout.time is None


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    rows = range(200)
    columns = {
        "clicked": pa.array([row % 2 == 0 for row in rows]),
        "age": pa.array([None if row % 7 == 0 else float(row % 60) for row in rows]),
        "words": pa.array([["a", "b"][: row % 3] for row in rows]),
        "weights": pa.array([[0.5, 1.5][: row % 3] for row in rows]),
        "when": pa.array([1_700_000_000 + row for row in rows]).cast(pa.timestamp("s")),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    found = detect(str(tmp_path / "rows.parquet"))
    assert (found.layout.format, found.layout.label.column, found.layout.time) == ("parquet", "clicked", "when")
    assert fields(found)["age"].kind == "number"
    assert (fields(found)["words"].multi_valued, fields(found)["words"].weights) == (True, "weights")
    options = {"layout": found.layout}
    manifest = prepare(Request(reader="custom", options=options), str(tmp_path / "rows.parquet"), tmp_path / "out")
    assert manifest.provenance.rows_out == 200


def test_tfrecords_are_looked_at_like_other_files(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    rows = [{"click": [row % 2], "shop": [b"a", b"b"][row % 2 :], "price": [row / 3]} for row in range(60)]
    (tmp_path / "rows.tfrecord").write_bytes(tfrecords(rows))
    found = detect(str(tmp_path / "rows.tfrecord"))
    assert {name: field.kind for name, field in fields(found).items()} == {"shop": "text", "price": "number"}
    assert fields(found)["shop"].multi_valued


def test_official_files_of_a_folder_are_the_splits(tmp_path: Path) -> None:
    for name in ("train.csv", "valid.csv", "test.csv"):
        table(tmp_path / name, CLICK | {"x": lambda r: r % 7})
    inputs = detect(str(tmp_path)).inputs
    assert Path(inputs.path).name == "train.csv"
    assert {split: Path(file).name for split, file in inputs.official.items()} == {
        "validation": "valid.csv",
        "test": "test.csv",
    }


def test_a_test_file_without_labels_is_no_split_and_that_is_said(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", CLICK | {"x": lambda r: r % 7})
    table(tmp_path / "test.csv", {"x": lambda r: r % 7})
    found = detect(str(tmp_path))
    assert found.inputs.official == {}
    assert found.remarks == ("test.csv has no column 'click', so it cannot be the test split",)


def test_a_column_of_split_names_is_the_split(tmp_path: Path) -> None:
    columns = CLICK | {"part": lambda r: "test" if r % 5 == 0 else "train", "x": lambda r: r % 7}
    assert detect(table(tmp_path / "t.csv", columns)).layout.split == "part"


def test_a_field_must_not_be_called_label(tmp_path: Path) -> None:
    columns = {"target": lambda r: r % 2, "label": lambda r: ("x", "y", "z")[r % 3], "n": lambda r: r % 7}
    found = fields(detect(table(tmp_path / "t.csv", columns), Chosen(label="target")))["label"]
    assert (found.name, found.source) == ("label_", "label")


def test_columns_with_one_name_or_none_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",click,x,x,y\n" + "".join(f"{n},{n % 2},1,2,{n % 7}\n" for n in range(60)))
    assert left_out(detect(str(tmp_path / "t.csv"))) == {
        "x": "its name occurs twice in the header",
        "": "it has no name",
    }


def raising(columns: Sequence[str], chosen: Chosen, tmp_path: Path) -> None:
    kinds: Columns = {"click": lambda r: r % 2, "three": lambda r: "abc"[r % 3], "n": lambda r: r % 7}
    detect(table(tmp_path / "t.csv", {name: kinds[name] for name in columns}), chosen)


@pytest.mark.parametrize(
    ("columns", "chosen", "kind", "message"),
    [
        (("three", "n"), Chosen(), UsageError, "no column has two values.*--label"),
        (("click", "three"), Chosen(label="click_"), UnknownNameError, "Did you mean 'click'"),
        (("click", "three"), Chosen(label="three"), UsageError, "'three' cannot be the label"),
        (("click", "three"), Chosen(kinds={"three": "word"}), UnknownNameError, "kind of three"),
        (("click",), Chosen(), DataError, "no delimiter"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    tmp_path: Path, columns: tuple[str, ...], chosen: Chosen, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        raising(columns, chosen, tmp_path)
