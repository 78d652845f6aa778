"""What a raw value means, by example: each of these was read differently in one of the formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.readers import columnar, delimited, libsvm, tfrecord
from wideload.datasets.readers.contract import TIME
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.times import times
from wideload.datasets.readers.layout import Layout
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError, UsageError
from wideload.options import validate

Read = Callable[..., tuple[list[dict], list[str]]]
READ = {"csv": delimited.read, "parquet": columnar.read, "tfrecord": tfrecord.read}
FORMATS = pytest.mark.parametrize("kind", list(READ))


@pytest.fixture
def read(tmp_path: Path, tfrecords: Callable[..., bytes]) -> Read:
    """Writes texts in a format and reads them: good rows, and the reasons of the bad ones."""

    def run(kind: str, columns: dict[str, list], **layout: Any) -> tuple[list[dict], list[str]]:
        file = tmp_path / f"t.{kind}"
        rows = list(zip(*columns.values(), strict=True))
        if kind == "csv":
            file.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
        elif kind == "parquet":
            pq.write_table(pa.table(columns), file)
        else:
            encoded = [[one.encode() if isinstance(one, str) else one for one in row] for row in rows]
            file.write_bytes(
                tfrecords([{name: [one] for name, one in zip(columns, row, strict=True)} for row in encoded])
            )
        return rows_of(file, kind, layout)

    return run


def rows_of(file: Path, kind: str, layout: dict[str, Any]) -> tuple[list[dict], list[str]]:
    asked = {"label": {"column": "y"}, **layout, "format": kind}
    blocks = list(READ[kind](str(file), validate(Layout, asked, "layout"), Position()))
    found = [row for block in blocks for row in block.table.to_pylist()]
    return found, [reject.reason for block in blocks for reject in block.rejects]


def parquet(tmp_path: Path, columns: dict[str, Any], **layout: Any) -> tuple[list[dict], list[str]]:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return rows_of(tmp_path / "t.parquet", "parquet", layout)


@FORMATS
def test_text_is_trimmed_and_compared_with_missing(read: Read, kind: str) -> None:
    words = ["red", "", " red ", "NA", "red ", "nan", "RED", " NA"]
    found, _ = read(kind, {"y": [1] * 8, "c": words}, field=[{"name": "c"}], missing=["NA"])
    assert [row["c"] for row in found] == ["red", None, "red", None, "red", "nan", "RED", None]


@FORMATS
def test_hexadecimal_words_of_digits_are_hexadecimal(read: Read, kind: str) -> None:
    columns = {"y": [0, 1, 0], "c": ["12345678", "be589b51", "xyz"]}
    found, reasons = read(kind, columns, field=[{"name": "c", "kind": "hex"}])
    assert [row["c"] for row in found] == [305419896, 0xBE589B51]
    assert reasons == ["column 'c': not a hexadecimal word"]


def test_integers_in_a_column_of_hexadecimal_words_are_what_they_are(tmp_path: Path) -> None:
    columns = {"y": [0, 1], "c": pa.array([12345678, 2**64 - 1], pa.uint64())}
    assert [row["c"] for row in parquet(tmp_path, columns, field=[{"name": "c", "kind": "hex"}])[0]] == [12345678, -1]


@FORMATS
def test_parts_are_trimmed_and_missing_applies_to_them(read: Read, kind: str) -> None:
    fields = [{"name": "g", "separator": "|"}, {"name": "d", "kind": "id", "separator": "|"}]
    columns = {"y": [0] * 3, "g": ["Action | Comedy", " Drama |NA|Action", "NA"], "d": ["1| 2", "5", "NA|3 "]}
    found, _ = read(kind, columns, field=fields, missing=["NA"])
    assert [row["g"] for row in found] == [["Action", "Comedy"], ["Drama", "Action"], []]
    assert [row["d"] for row in found] == [[1, 2], [5], [3]]


def test_missing_parts_of_lists_are_dropped_with_their_weights(tmp_path: Path) -> None:
    field = {"name": "g", "multi_valued": True, "weights": "w"}
    columns = {
        "y": [0] * 6,
        "g": [["a", " NA ", "b"], None, ["a", None], ["a"], ["a"], ["a", "b"]],
        "w": [[1.0, 2.0, 3.0], [], [4.0, 5.0], [None], [float("nan")], [1.0]],
    }
    found, reasons = parquet(tmp_path, columns, field=[field], missing=["NA"])
    assert [row["g"] for row in found] == [["a", "b"], [], ["a"]]
    assert [row["w"] for row in found] == [[1.0, 3.0], [], [4.0]]
    assert reasons == [
        "column 'w': not one weight per value",
        "column 'w': not a finite number",
        "column 'w': not one weight per value",
    ]


def test_a_null_among_several_weights_is_a_bad_row(tmp_path: Path) -> None:
    field = {"name": "g", "multi_valued": True, "weights": "w"}
    columns = {"y": [0, 1], "g": [["a", "b"], ["c"]], "w": [[1.0, None], [2.0]]}
    found, reasons = parquet(tmp_path, columns, field=[field])
    assert [row["g"] for row in found] == [["c"]]
    assert reasons == ["column 'w': a weight is missing"]


@FORMATS
def test_labels_follow_their_rule(read: Read, kind: str) -> None:
    columns = {"y": ["yes", "no", " yes", "maybe", ""], "c": list("abcde")}
    label = {"column": "y", "positive": ["yes"], "allowed": ["no"]}
    found, reasons = read(kind, columns, field=[{"name": "c"}], label=label)
    assert [row["label"] for row in found] == [1.0, 0.0, 1.0]
    assert reasons == ["column 'y': unknown label", "column 'y': the label is missing"]


@pytest.mark.parametrize(
    ("values", "positive", "allowed"),
    [
        (pa.array([True, False, None]), ["true"], ["false"]),
        (pa.array([True, False, None]), ["True"], ["0"]),
        (pa.array([1, 0, None]), ["1"], ["0"]),
        (pa.array([1.0, 0.0, None]), ["1"], ["0.0"]),
        (pa.array([b"yes ", b"no", None]), ["yes"], ["no"]),
        (pa.array(["yes", "no", None]).dictionary_encode(), ["yes"], [" no "]),
    ],
)
def test_texts_of_a_label_rule_match_columns_of_any_type(
    tmp_path: Path, values: Any, positive: list[str], allowed: list[str]
) -> None:
    label = {"column": "y", "positive": positive, "allowed": allowed}
    found, reasons = parquet(tmp_path, {"y": values, "c": list("abc")}, field=[{"name": "c"}], label=label)
    assert [row["label"] for row in found] == [1.0, 0.0]
    assert reasons == ["column 'y': the label is missing"]


def test_bad_values_of_parquet_are_bad_rows_one_by_one(tmp_path: Path) -> None:
    columns = {"y": [1] * 5, "d": [float("nan"), 1.0, 0.5, 2.0, -1.0], "t": pa.array([b"a", b"\xff", b"b", b"c", b"d"])}
    found, reasons = parquet(tmp_path, columns, field=[{"name": "d", "kind": "id"}, {"name": "t"}])
    assert [row["d"] for row in found] == [2]
    assert reasons == [
        "column 'd': not an integer",
        "not UTF-8",
        "column 'd': not an integer",
        "column 'd': an id is negative",
    ]


@pytest.mark.parametrize("stored", [
    pa.array([-1, None, -2, 7]), pa.array([-1.0, None, -2.0, 7.0]), pa.array([-1, None, -2, 7], pa.int8()),
    pa.array(["-1", "", "-2", "7"]), pa.array(["-1.0", "", "-2.0", "7.0"]), pa.array(["-01", " ", "-02", "07"]),
])  # fmt: skip
def test_a_negative_number_that_means_no_value_is_no_bad_id(tmp_path: Path, stored: pa.Array) -> None:
    fields = [{"name": "d", "kind": "id"}]
    found, reasons = parquet(tmp_path, {"y": [1] * 4, "d": stored}, field=fields, missing=["-1"])
    assert [row["d"] for row in found] == [None, None, 7]
    assert reasons == ["column 'd': an id is negative"]


def test_the_largest_unsigned_id_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    """It has the bits of -1."""
    fields = [{"name": "d", "kind": "id"}]
    for stored in (pa.array([2**64 - 1], pa.uint64()), pa.array([str(2**64 - 1)])):
        found, reasons = parquet(tmp_path, {"y": [1], "d": stored}, field=fields, missing=["-1"])
        assert (found, len(reasons)) == ([], 1)


UNSIGNED = [14695981039346656037, 2**63, 2**64 - 1, 42, 2**63 - 1]


@FORMATS
def test_unsigned_integers_keep_their_bits(read: Read, kind: str, tmp_path: Path) -> None:
    values = pa.array(UNSIGNED, pa.uint64()) if kind == "parquet" else list(map(str, UNSIGNED))
    columns = {"y": [1] * 5, "s": values}
    if kind == "parquet":
        found, reasons = parquet(tmp_path, columns, field=[{"name": "s", "kind": "integer"}])
    else:
        found, reasons = read(kind, columns, field=[{"name": "s", "kind": "integer"}])
    assert [row["s"] % 2**64 for row in found] == UNSIGNED
    assert reasons == []


def test_an_id_that_cannot_be_counted_from_0_says_what_to_do(read: Read) -> None:
    found, reasons = read("csv", {"y": [1, 1], "s": [2**63, 7]}, field=[{"name": "s", "kind": "id"}])
    assert [row["s"] for row in found] == [7]
    assert "kind = 'integer'" in reasons[0]


@FORMATS
def test_a_missing_word_that_is_a_number_is_compared_as_a_number(read: Read, kind: str) -> None:
    fields = [{"name": "n", "kind": "number"}, {"name": "i", "kind": "integer"}]
    columns = {"y": [1, 1, 0], "n": ["-1", "2", "-1.0"], "i": ["-1", "0", "-1"]}
    found, _ = read(kind, columns, field=fields, missing=["-1"])
    assert [(row["n"], row["i"]) for row in found] == [(None, None), (2.0, 0), (None, None)]


MOMENT = 1396313469277000
"""2014-04-01T00:51:09.277Z in microseconds."""


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["2014-04-01T00:51:09.277Z", "2014-04-01T02:51:09.277+02:00", "2014-04-01 00:51:09.2770004"], [MOMENT] * 3),
        (["2014-04-01", "2014-04-01T00:00", "2014-03-31T22:00-0200"], [1396310400000000] * 3),
        (["1700000000.5", "1700000000", ""], [1700000000.5, 1700000000.0, None]),
        (["1700000000500", " 1700000000501", None], [1700000000500, 1700000000501, None]),
        ([1700000000.5, None], [1700000000.5, None]),
        (pa.array([1396313469277], pa.timestamp("ms")), [MOMENT]),
        (pa.array([1396313469277], pa.timestamp("ms", "Europe/Paris")), [MOMENT]),
        (pa.array([1396313469277000001], pa.timestamp("ns", "UTC")), [MOMENT]),
        (pa.array([1396313469], pa.timestamp("s")), [1396313469000000]),
        (pa.array([16161], pa.date32()), [1396310400000000]),
        (pa.array([1396310400000], pa.date64()), [1396310400000000]),
        (pa.array([7], pa.uint8()), [7]),
    ],
)
def test_times_of_every_form(column: Any, expected: list) -> None:
    found = times(pa.array(column) if isinstance(column, list) else column, Missing())
    assert found.problems == ()
    assert found.values.to_pylist() == expected


def test_what_is_no_time_is_a_bad_row() -> None:
    found = times(pa.array(["2014-02-30", "soon", "2014-04-01T25:00", "2014-04-01", "nan"]), Missing())
    assert found.values.is_null().to_pylist() == [True, True, True, False, True]
    assert found.problems[0].mask.tolist() == [True, True, True, False, True]


@FORMATS
def test_iso_times_are_read_from_any_format(read: Read, kind: str) -> None:
    columns = {"y": [1, 0], "t": ["2014-04-01T00:51:09.277Z", "no"], "c": ["a", "b"]}
    found, reasons = read(kind, columns, field=[{"name": "c"}], time="t")
    assert [row[TIME] for row in found] == [MOMENT]
    assert reasons == ["column 't': not a time"]


def test_a_column_that_is_there_twice_is_an_error_where_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,v,w,v\n1,2,3,4\n")
    assert rows_of(tmp_path / "t.csv", "csv", {"field": [{"name": "w"}]})[0] == [{"label": 1.0, "w": "3"}]
    with pytest.raises(DataError, match=r"t\.csv has column 'v' more than once"):
        rows_of(tmp_path / "t.csv", "csv", {"field": [{"name": "v"}]})
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["y", "v", "v"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet has column 'v' more than once"):
        rows_of(tmp_path / "t.parquet", "parquet", {"field": [{"name": "v"}]})


def test_weights_in_csv_are_separated_like_their_values(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,g,w\n1,a| |b,1|2|0.5\n0,,\n1,a,\n1,a|b,1\n")
    field = {"name": "g", "separator": "|", "weights": "w"}
    found, reasons = rows_of(tmp_path / "t.csv", "csv", {"field": [field]})
    assert [(row["g"], row["w"]) for row in found] == [(["a", "b"], [1.0, 0.5]), ([], [])]
    assert reasons == ["column 'w': not one weight per value"] * 2


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"name": "g", "weights": "w"}, "weights need a multi-valued field"),
        ({"name": "g", "multi_valued": True}, "needs a `separator`"),
        ({"name": "g", "separator": "|", "weights": "g"}, "given twice: g"),
    ],
)
def test_a_layout_that_cannot_be_read_is_refused(field: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(Layout, {"label": {"column": "y"}, "field": [field]}, "layout")


def test_a_column_of_structures_names_file_and_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"y": [1], "c": [{"a": 1}]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: column 'c' cannot be read as the layout says"):
        rows_of(tmp_path / "t.parquet", "parquet", {"field": [{"name": "c"}]})


def test_a_bad_quoted_row_is_shown_as_it_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('y,c,d\n1,"a, b",x\n')
    layout = validate(Layout, {"label": {"column": "y"}, "field": [{"name": "d", "kind": "id"}]}, "layout")
    (block,) = delimited.read(str(tmp_path / "t.csv"), layout, Position())
    assert [reject.text for reject in block.rejects] == ['1,"a, b",x']


def libsvm_rows(tmp_path: Path, text: str, **layout: Any) -> tuple[list[dict], list[str]]:
    (tmp_path / "t").write_text(text)
    asked = libsvm.completed(validate(Layout, {"format": "libsvm", **layout}, "layout"))
    blocks = list(libsvm.read(str(tmp_path / "t"), asked, Position()))
    found = [row for block in blocks for row in block.table.to_pylist()]
    return found, [reject.reason for block in blocks for reject in block.rejects]


def test_the_label_of_libsvm_follows_a_rule_or_none(tmp_path: Path) -> None:
    text = "3 1:1\n5 1:1\n-1 1:1\n"
    assert [row["label"] for row in libsvm_rows(tmp_path, text)[0]] == [1.0, 1.0, 0.0]
    rule = {"column": 0, "at_least": 4}
    assert [row["label"] for row in libsvm_rows(tmp_path, text, label=rule)[0]] == [0.0, 1.0, 0.0]
    rule = {"column": 0, "positive": ["-1"], "allowed": ["3"]}
    found, reasons = libsvm_rows(tmp_path, text, label=rule)
    assert [row["label"] for row in found] == [0.0, 1.0]
    assert reasons == ["column 'label': unknown label"]
    with pytest.raises(UsageError, match="must be 0"):
        libsvm_rows(tmp_path, text, label={"column": "y"})


def test_libffm_is_read_and_named_where_libsvm_is_expected(tmp_path: Path) -> None:
    text = "1 0:3:1 1:8:0.5 1:9:2\n0 0:4:1\n"
    assert "format = 'libffm'" in libsvm_rows(tmp_path, text)[1][0]
    (first, second), _ = libsvm_rows(tmp_path, text, format="libffm")
    assert first == {"label": 1.0, "features": [3, 8, 9], "features_weights": [1.0, 0.5, 2.0]}
    fields = [
        {"name": "user", "column": 0, "kind": "id"},
        {"name": "tags", "column": 1, "kind": "id", "multi_valued": True, "weights": "tag_weights"},
    ]
    found, _ = libsvm_rows(tmp_path, text, format="libffm", field=fields)
    assert found[0] == {"label": 1.0, "user": 3, "tags": [8, 9], "tag_weights": [0.5, 2.0]}
    assert found[1] == {"label": 0.0, "user": 4, "tags": [], "tag_weights": []}
    assert second["features"] == [4]
