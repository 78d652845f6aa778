"""Joined files, fields made of a column, and rows that are left out."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wideload.datasets.cli import data
from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepared.manifest import Manifest
from wideload.datasets.raw_rows import Origin, RawRows
from wideload.datasets.readers.layout import Layout, load_layout
from wideload.datasets.rejects import BadRows, Rejects
from wideload.errors import DataError, UsageError
from wideload.options import validate

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "data.md"
AUTOINT, EXPERIMENT = re.findall(
    r"```toml\n([^`]*)```", PAGE.read_text(encoding="utf-8").partition("### AutoInt's")[2]
)[:2]
"""AutoInt's protocol on MovieLens-1M, as the documentation has it."""


def rows(folder: Path) -> list[dict[str, Any]]:
    found = [pq.read_table(file) for file in sorted(folder.glob("t*.parquet"))]
    return pa.concat_tables(found).to_pylist()


def prepared(folder: Path, layout: Layout | str, source: str, **more: Any) -> Manifest:
    if isinstance(layout, str):
        (folder / "layout.toml").write_text(layout)
        layout = load_layout(folder / "layout.toml")
    request = Request(reader="custom", options={"layout": layout}, split={"by": "none"}, **more)
    return prepare(request, str(folder / source), folder / "out")


@pytest.fixture
def ml_1m(tmp_path: Path) -> Path:
    (tmp_path / "ratings.dat").write_text(
        "1::10::5::978300760\n1::20::3::978300761\n2::20::1::978300762\n3::99::4::978300763\n"
    )
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n2::F::25::1::11111\n")
    movies = "10::Amélie (2001)::Comedy|Romance\n20::Heat (1995)::Action\n"
    (tmp_path / "movies.dat").write_bytes(movies.encode("latin-1"))
    return tmp_path


def test_autoint_s_protocol_takes_few_lines(ml_1m: Path) -> None:
    assert len(AUTOINT.splitlines()) <= 25
    assert len(EXPERIMENT.splitlines()) <= 15
    manifest = prepared(ml_1m, AUTOINT, "ratings.dat")
    first, second, third = rows(ml_1m / "out")
    assert first == {
        "label": 1.0,
        "user_id": 1,
        "movie_id": 10,
        "gender": "F",
        "age": 1,
        "occupation": 10,
        "zip": "48067",
        "year": 2001,
        "genres": ["Comedy", "Romance"],
    }
    assert (second["label"], second["gender"], second["year"]) == (0.0, "M", 1995)
    assert (third["gender"], third["year"], third["genres"]) == (None, None, [])
    origin = manifest.provenance
    assert (origin.rows_in, origin.rows_out, origin.dropped, origin.rejected) == (4, 3, 1, 0)


def test_autoint_s_protocol_reads_an_excerpt_of_the_published_files(
    tmp_path: Path, sample: Callable[[str], Path]
) -> None:
    with sample("movielens_sample_200.txt").open(encoding="utf-8", newline="") as file:
        whole = list(csv.DictReader(file))
    parts = {
        "ratings.dat": ("user_id", "movie_id", "rating", "timestamp"),
        "users.dat": ("user_id", "gender", "age", "occupation", "zip"),
        "movies.dat": ("movie_id", "title", "genres"),
    }
    for name, columns in parts.items():
        lines = dict.fromkeys("::".join(row[column] for column in columns) for row in whole)
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="latin-1")
    origin = prepared(tmp_path, AUTOINT, "ratings.dat").provenance
    wanted = [row for row in whole if row["rating"] != "3"]
    assert (origin.rows_in, origin.dropped, origin.notes) == (len(whole), len(whole) - len(wanted), ())
    for found, row in zip(rows(tmp_path / "out"), wanted, strict=True):
        assert found["label"] == float(row["rating"] >= "4")
        assert (found["gender"], found["occupation"]) == (row["gender"], int(row["occupation"]))
        assert f"({found['year']})" in row["title"]
        assert found["genres"] == row["genres"].split("|")


def test_keys_that_come_twice_or_are_not_there_are_said(ml_1m: Path) -> None:
    assert prepared(ml_1m, AUTOINT, "ratings.dat").provenance.notes == (
        "users.dat has 1 rows whose key came before: the first row of a key counts",
        "1 rows have a user_id that users.dat does not have",
        "1 rows have a movie_id that movies.dat does not have",
    )


def test_a_changed_joined_file_is_another_request(ml_1m: Path) -> None:
    prepared(ml_1m, AUTOINT, "ratings.dat")
    (ml_1m / "users.dat").write_text("1::M::1::10::48067\n2::M::56::16::7\n")
    with pytest.raises(UsageError, match="prepared from other sources"):
        prepared(ml_1m, AUTOINT, "ratings.dat")


def test_the_command_line_counts_rows_that_are_left_out(ml_1m: Path) -> None:
    (ml_1m / "layout.toml").write_text(AUTOINT)
    words = ["prepare", "custom", str(ml_1m / "ratings.dat"), "--layout", str(ml_1m / "layout.toml"), "--split", "none"]
    out = str(ml_1m / "out")
    assert (
        "4 rows in, 3 out, 0 rejected, 1 left out by drop_when"
        in CliRunner().invoke(data, [*words, "--out", out]).output
    )
    assert "0 rejected, 1 left out by drop_when" in CliRunner().invoke(data, ["describe", out]).output


def test_counts_survive_an_interruption(ml_1m: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepared(ml_1m, AUTOINT, "ratings.dat").provenance
    (ml_1m / "again").mkdir()
    state = ml_1m / "out" / ".state.json"
    assert not state.exists()
    for name in ("ratings.dat", "users.dat", "movies.dat"):
        (ml_1m / "again" / name).write_bytes((ml_1m / name).read_bytes())

    def broken(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wideload.datasets.prepare.fit.fit", broken)
        with pytest.raises(KeyboardInterrupt):
            prepared(ml_1m / "again", AUTOINT, "ratings.dat")
    assert json.loads((ml_1m / "again" / "out" / ".state.json").read_text())["state"]["dropped"] == 1
    assert prepared(ml_1m / "again", AUTOINT, "ratings.dat").provenance == whole


def test_rows_to_be_scored_are_joined_and_none_is_left_out(ml_1m: Path) -> None:
    manifest = prepared(ml_1m, AUTOINT, "ratings.dat")
    found = RawRows(Origin.of(manifest.provenance), (str(ml_1m / "ratings.dat"),), None, Rejects(BadRows()))
    (block,) = found.blocks()
    assert block.fields["year"].to_pylist() == [2001, 1995, 1995, None]


def csv_rows(folder: Path) -> str:
    (folder / "rows.csv").write_text("click,shop\n1,a\n0,b\n1,\n")
    return "rows.csv"


def parquet_rows(folder: Path) -> str:
    pq.write_table(pa.table({"click": [1, 0, 1], "shop": ["a", "b", None]}), folder / "rows.parquet")
    return "rows.parquet"


def csv_shops(folder: Path) -> str:
    (folder / "shops.csv").write_text('id,town\na,"Köln, Altstadt"\nb,Bonn\n')
    return "shops.csv"


def parquet_shops(folder: Path) -> str:
    pq.write_table(pa.table({"id": ["a", "b"], "town": ["Köln, Altstadt", "Bonn"]}), folder / "shops.parquet")
    return "shops.parquet"


@pytest.mark.parametrize("shops", [csv_shops, parquet_shops])
@pytest.mark.parametrize("source", [csv_rows, parquet_rows])
def test_a_join_is_the_same_in_every_format(
    tmp_path: Path, source: Callable[[Path], str], shops: Callable[[Path], str]
) -> None:
    (tmp_path / "in").mkdir()
    file = source(tmp_path / "in")
    layout = {
        "format": "parquet" if file.endswith("parquet") else "csv",
        "label": {"column": "click"},
        "join": {"file": shops(tmp_path / "in"), "on": "shop", "key": "id"},
        "field": [{"name": "town"}],
    }
    manifest = prepared(tmp_path / "in", validate(Layout, layout, "layout"), file)
    assert [row["town"] for row in rows(tmp_path / "in" / "out")] == ["Köln, Altstadt", "Bonn", None]
    assert manifest.provenance.notes == ()  # a row without a key is not one whose key is unknown


def derived(folder: Path, cells: list[str], **field: Any) -> list[Any]:
    (folder / "rows.csv").write_text("click,x\n" + "".join(f"1,{cell}\n" for cell in cells))
    layout = {"label": {"column": "click"}, "field": [{"name": "f", "from": "x", **field}]}
    prepared(folder, validate(Layout, layout, "layout"), "rows.csv", bad_rows={"policy": "skip"})
    return [row["f"] for row in rows(folder / "out")]


@pytest.mark.parametrize(
    ("cells", "part", "expected"),
    [
        (["2026-11-08T23:30:00Z", "2026-11-09"], "hour", [23, 0]),
        (["2026-11-08T23:30+02:00"], "hour", [23]),
        (["2026-11-08T23:30:00Z", "2026-11-09"], "weekday", [6, 0]),
        (["2026-11-08", "2026-01-31"], "day", [8, 31]),
        (["2026-11-08", ""], "month", [11, None]),
        (["1762558200", "1762561800"], "hour", [23, 0]),
        (["1762558200000"], "hour", [23]),
    ],
)
def test_parts_of_a_time(tmp_path: Path, cells: list[str], part: str, expected: list[int | None]) -> None:
    assert derived(tmp_path, cells, part=part) == expected


def test_a_part_of_what_is_no_time_is_a_bad_row_and_of_other_numbers_an_error(tmp_path: Path) -> None:
    assert derived(tmp_path, ["2026-11-08T12:00", "noon"], part="hour") == [12]
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="do not count from 1970"):
        derived(tmp_path / "other", ["14102100"], part="hour")


def test_a_pattern_gives_its_group_or_the_match_and_may_be_split(tmp_path: Path) -> None:
    for name, pattern, expected in (("a", "b.", ["bc", None]), ("b", "b(.)", ["c", None])):
        (tmp_path / name).mkdir()
        assert derived(tmp_path / name, ["abc", "xyz"], pattern=pattern) == expected
    (tmp_path / "c").mkdir()
    assert derived(tmp_path / "c", ["tags=a|b&"], pattern="tags=([^&]*)", separator="|") == [["a", "b"]]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("n == 3", [1, 2, 5]),
        ("n >= 2.5", [1, 2]),
        ("n != 3", [3]),
        ("word == 'c d'", [1, 2, 3]),
        ('word != "a"', [1]),
        (["n < 2", "word == b"], [5]),
    ],
)
def test_rows_that_meet_a_condition_are_left_out_and_counted_apart(
    tmp_path: Path, condition: str | list[str], kept: list[int]
) -> None:
    (tmp_path / "rows.csv").write_text("click,n,word\n1,1,a\n1,2,b\n1,3,b\n1,5,c d\n")
    layout = {"label": {"column": "click"}, "drop_when": condition, "field": [{"name": "n", "kind": "id"}]}
    manifest = prepared(tmp_path, validate(Layout, layout, "layout"), "rows.csv")
    assert [row["n"] for row in rows(tmp_path / "out")] == kept
    assert (manifest.provenance.dropped, manifest.provenance.rejected) == (4 - len(kept), 0)


def test_a_row_that_is_left_out_is_never_bad_and_one_without_a_value_stays(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("click,n,x\n1,3,oops\n1,,4\n1,1,oops\n")
    layout = {"label": {"column": "click"}, "drop_when": "n == 3", "field": [{"name": "x", "kind": "number"}]}
    manifest = prepared(tmp_path, validate(Layout, layout, "l"), "rows.csv", bad_rows={"policy": "skip"})
    origin = manifest.provenance
    assert (origin.rows_in, origin.rows_out, origin.dropped, origin.rejected) == (3, 1, 1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop_when": "n = 3"}, "is no condition"),
        ({"drop_when": "n > many"}, "compares numbers"),
        ({"field": [{"name": "f", "pattern": "("}]}, "pattern"),
        ({"field": [{"name": "f", "part": "hour", "separator": "|"}]}, "a part of a time is one id"),
        ({"format": "libsvm", "drop_when": "n == 3", "label": {"column": 0}}, "libsvm does not have"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(Layout, {"label": {"column": "click"}, "field": [{"name": "n"}]} | change, "layout")


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ({"file": "none.csv", "on": "x"}, "cannot read the joined file"),
        ({"file": "shops.csv", "on": "x"}, r"no column 'x' to join on.*`key` names another"),
        ({"file": "shops.csv", "on": "x", "columns": ["x"]}, "2 columns where 1 are expected"),
        ({"file": "shops.csv", "on": "x", "header": False}, "has no header: name its columns"),
        ({"file": "latin.csv", "on": "x"}, "Name its `encoding`"),
    ],
)
def test_a_joined_file_that_cannot_be_read_is_named(tmp_path: Path, join: dict[str, Any], message: str) -> None:
    csv_shops(tmp_path)
    (tmp_path / "latin.csv").write_bytes("x,y\n1,ä\n".encode("latin-1"))
    (tmp_path / "rows.csv").write_text("click,x\n1,1\n")
    layout = {"label": {"column": "click"}, "join": join, "field": [{"name": "x"}]}
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, validate(Layout, layout, "layout"), "rows.csv")


def test_a_layout_without_the_new_keys_has_the_identity_of_earlier_folders() -> None:
    plain = validate(Layout, {"label": {"column": "click"}, "field": [{"name": "n"}]}, "layout")
    assert "join" not in plain.identity
    assert "drop_when" not in plain.identity
    assert set(plain.identity["field"][0]) == {"name", "column", "kind", "separator", "multi_valued", "weights"}
