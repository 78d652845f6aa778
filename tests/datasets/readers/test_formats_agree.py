"""A value means the same in every format: random tables as CSV, Parquet and TFRecord give equal rows and reports.

A normal run tries a few tables; WIDELOAD_FORMAT_TABLES=10000 tries that many.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.readers import columnar, delimited, libsvm, tfrecord
from wideload.datasets.readers.layout import Layout
from wideload.datasets.rejects import BadRows
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError
from wideload.options import validate

TABLES = int(os.environ.get("WIDELOAD_FORMAT_TABLES", "60"))
QUIET = settings(
    max_examples=TABLES,
    deadline=None,
    database=None,
    phases=tuple(Phase) if TABLES <= 1000 else (Phase.generate,),  # a soak has no time to make a failure smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

TEXTS = {
    "text": [
        "red", " red", "red ", "RED", "", " ", "NA", " NA ", "nan", "?", "-1", "é", "\xa0x\u3000", "a,b", 'a"b', "a\nb",
        "7",
    ],
    "number": [
        "1", "-1", "+5", "1.5", ".5", "5.", "1e3", "nan", "inf", "1e400", "x", "", "NA", " 7 ", "True",
        "0x10", "1_0", "1.0000000596046448", "16777217"
    ],
    "integer": [
        "1", "-1", "+5", "7.0", "1.5", "", "NA", " 7", "-0", "007", "18446744073709551615",
        "18446744073709551616", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "nan",
        "false", "1e3", "0x1f", "00000000000000000000001"
    ],
    "id": [
        "0", "1", "5.0", "-1", "-0", "", "NA", " 3 ", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "x", "true"
    ],
    "hex": [
        "be589b51", "BE589B51", "12345678", "0", "ffffffffffffffff", "10000000000000000", "", "NA", " ff ",
        "0x1f", "g", "-1"
    ],
    "label": ["0", "1", "1.0", "0.0", "2", "-1", "", "NA", "x", " 1 ", "yes", "no", " yes", "maybe", "true", "3.5"],
    "time": [
        "1700000000", "1700000000.5", "", "NA", "2014-04-01T00:51:09.277Z", "2014-04-01", "2014-04-01 00:51",
        "2014-04-01T00:51:09+02:00", "2014-02-30", "x", "nan", " 5 ", "20130606000104008"
    ],
    "split": ["train", "Test ", "", "valid", "other"],
}  # fmt: skip
MISSING = [(), ("NA",), ("NA", "?", "-1"), ("nan",), (" NA ", "7"), ("0",)]
ODD = [b"\xff", b"a\x00b", b"\xc3", b"\xffNUL\x00"]


@dataclass(frozen=True)
class Column:
    """A column as each format has it."""

    cells: list[bytes]
    arrow: pa.Array
    features: list[list[Any]]


def texts(draw: Any, kind: str, rows: int, odd: bool = True) -> Column:
    """Cells of text: strings in Parquet (or bytes, or a dictionary), bytes in TFRecord."""
    one = st.sampled_from(TEXTS[kind]).map(str.encode)
    if kind in ("number", "integer"):
        one |= st.floats(width=64).map(repr).map(str.encode) | st.integers(-(2**65), 2**65).map(str).map(str.encode)
    if kind == "text":
        one |= st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=4).map(str.encode)
    if odd and draw(st.integers(0, 9)) == 0:
        one |= st.sampled_from(ODD)
    cells = draw(st.lists(one, min_size=rows, max_size=rows))
    there = [cell if cell or draw(st.booleans()) else None for cell in cells]
    arrow = pa.array(there, pa.binary())
    if all(cell is None or _is_text(cell) for cell in there):
        arrow = arrow.cast(draw(st.sampled_from([pa.binary(), pa.string(), pa.large_string(), pa.string_view()])))
        if pa.types.is_string(arrow.type) and draw(st.booleans()):
            arrow = arrow.dictionary_encode()
    return Column(cells, arrow, [[] if cell is None else [cell] for cell in there])


def _is_text(cell: bytes) -> bool:
    try:
        return cell.decode() is not None
    except UnicodeDecodeError:
        return False


def numbers(draw: Any, kind: str, rows: int) -> Column:
    """Numbers: as Parquet stores them in some type, and TFRecord as int64 or float32."""
    style = draw(st.sampled_from(["integers", "unsigned", "floats", "booleans", "doubles"]))
    if kind in ("hex", "text", "time", "label") and style in ("floats", "doubles"):
        style = "integers"
    if kind in ("hex", "time") and style == "booleans":
        style = "integers"
    if kind == "time" and style == "unsigned":
        style = "integers"
    if style == "booleans":
        values = draw(st.lists(st.none() | st.booleans(), min_size=rows, max_size=rows))
        words = [b"" if value is None else str(value).lower().encode() for value in values]
        return Column(words, pa.array(values, pa.bool_()), [[] if not word else [word] for word in words])
    if style == "floats":
        one = st.floats(width=32, allow_subnormal=False) | st.sampled_from([0.0, 1.0, -1.0, 7.0, 0.5])
        values = draw(st.lists(st.none() | one.filter(_short), min_size=rows, max_size=rows))
        return Column(_written(values), pa.array(values, pa.float32()), [[] if v is None else [v] for v in values])
    if style == "doubles":
        one = st.floats(width=64).filter(_short) | st.sampled_from([0.0, 1.0, -1.0, 1.0000000596046448, 1e-50])
        values = draw(st.lists(st.none() | one, min_size=rows, max_size=rows))
        return Column(cells := _written(values), pa.array(values, pa.float64()), [[c] if c else [] for c in cells])
    low, high = (0, 2**64 - 1) if style == "unsigned" else (-(2**63), 2**63 - 1)
    one = st.sampled_from([0, 1, 7, max(low, -1)]) | st.integers(low, high)
    values = draw(st.lists(st.none() | one, min_size=rows, max_size=rows))
    spelled = [b"" if v is None else (b"%x" % (v % 2**64) if kind == "hex" else b"%d" % v) for v in values]
    features = [[] if value is None else [value] for value in values]
    if style == "unsigned" and kind != "hex":
        features = [[cell] if cell else [] for cell in spelled]
    return Column(spelled, pa.array(values, pa.uint64() if style == "unsigned" else pa.int64()), features)


def _short(value: float) -> bool:
    """Whether any format says which number it is, if it is to be an integer."""
    return not np.isfinite(value) or value != np.floor(value) or abs(value) < 2**24


def _written(values: list[float | None]) -> list[bytes]:
    return [b"" if value is None else repr(value).encode() for value in values]


def lists(draw: Any, kind: str, rows: int, lengths: list[int] | None = None) -> Column:
    """Several values: joined by bars in CSV, and in other formats perhaps."""
    words = [word for word in TEXTS[kind] if "|" not in word]
    if kind == "number":
        words += ["0.25", "2", "1e-3"] * 5
    sizes = lengths or draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
    parts = [draw(st.lists(st.sampled_from(words), min_size=size, max_size=size)) for size in sizes]
    joined = ["|".join(one).encode() for one in parts]
    if draw(st.booleans()):
        return Column(joined, pa.array(joined, pa.binary()).cast(pa.string()), [[cell] for cell in joined])
    arrow = pa.array([one or draw(st.sampled_from([[], None])) for one in parts], pa.list_(pa.string()))
    return Column(joined, arrow, [[word.encode() for word in one] for one in parts])


FIELDS = (
    {"name": "n", "kind": "number"}, {"name": "i", "kind": "integer"}, {"name": "d", "kind": "id"},
    {"name": "h", "kind": "hex"}, {"name": "t", "kind": "text"},
    {"name": "ts", "kind": "text", "separator": "|"}, {"name": "hs", "kind": "hex", "separator": "|"},
    {"name": "ds", "kind": "id", "separator": "|", "weights": "w"},
)  # fmt: skip
LABELS = ({}, {"at_least": 1}, {"positive": ["yes", "1", "true"]}, {"positive": ["yes", "1"], "allowed": ["no", "0"]})


def drawn(draw: Any) -> tuple[dict[str, Any], dict[str, Column]]:
    """A layout and its columns."""
    rows = draw(st.integers(1, 6))
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique_by=lambda field: field["name"]))
    label = draw(st.sampled_from(LABELS))
    layout = {"label": {"column": "y", **label}, "field": fields, "missing": draw(st.sampled_from(MISSING))}
    typed_label = draw(st.booleans()) and "allowed" not in label
    columns = {"y": numbers(draw, "label", rows) if typed_label else texts(draw, "label", rows)}
    for field in fields:
        if "separator" in field:
            columns[field["name"]] = lists(draw, field["kind"], rows)
        else:
            make = texts if draw(st.booleans()) else numbers
            columns[field["name"]] = make(draw, field["kind"], rows)
        if "weights" in field:
            same = [len(cell.split(b"|")) if cell else 0 for cell in columns[field["name"]].cells]
            columns["w"] = lists(draw, "number", rows, same if draw(st.booleans()) else None)
    for name in draw(st.sets(st.sampled_from(["time", "split"]))):
        layout[name] = f"the {name}"
        typed = name == "time" and draw(st.booleans())
        columns[f"the {name}"] = numbers(draw, name, rows) if typed else texts(draw, name, rows, odd=False)
    return layout, columns


def write(folder: Path, columns: dict[str, Column], tfrecords: Callable[..., bytes]) -> None:
    """One file for each format."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    rows = zip(*(column.cells for column in columns.values()), strict=True)
    writer.writerows([cell.decode("utf-8", "surrogateescape") for cell in row] for row in rows)
    (folder / "t.csv").write_bytes(out.getvalue().encode("utf-8", "surrogateescape"))
    pq.write_table(pa.table({name: column.arrow for name, column in columns.items()}), folder / "t.parquet")
    count = len(next(iter(columns.values())).cells)
    examples = [{name: column.features[row] for name, column in columns.items()} for row in range(count)]
    (folder / "t.tfrecord").write_bytes(tfrecords(examples))


READ = {"csv": delimited.read, "parquet": columnar.read, "tfrecord": tfrecord.read, "libsvm": libsvm.read}


def read(file: Path, layout: dict[str, Any]) -> tuple[list[dict], list[tuple[int, str]]]:
    """The good rows, and which rows are bad and why; rows count from 0."""
    kind = file.suffix[1:]
    blocks = list(READ[kind](str(file), validate(Layout, {**layout, "format": kind}, "layout"), Position()))
    first = 2 if kind == "csv" else 1
    reports = [(reject.line - first, reject.reason) for block in blocks for reject in block.rejects]
    rows = [row for block in blocks for row in block.table.to_pylist()]
    return [{name: value for name, value in row.items() if name != "\0row"} for row in rows], _in_rows(file, reports)


def _in_rows(file: Path, reports: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Line numbers of CSV as row numbers: a quoted cell may span lines."""
    if file.suffix != ".csv":
        return reports
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    starts, reader = {}, csv.reader(io.StringIO(text, newline=""))
    line = 0
    for number, _ in enumerate(reader):
        starts[line - 1] = number - 1
        line = reader.line_num
    return [(starts[row], reason) for row, reason in reports]


@QUIET
@given(data=st.data())
def test_a_table_gives_the_same_rows_and_reports_in_every_format(
    data: st.DataObject, tmp_path: Path, tfrecords: Callable[..., bytes]
) -> None:
    layout, columns = drawn(data.draw)
    write(tmp_path, columns, tfrecords)
    expected = read(tmp_path / "t.csv", layout)
    assert len(expected[0]) + len(expected[1]) == len(next(iter(columns.values())).cells)
    for name in ("t.parquet", "t.tfrecord"):
        assert _comparable(read(tmp_path / name, layout)) == _comparable(expected), name


def _comparable(found: tuple[list[dict], list]) -> tuple[list[str], list]:
    return [repr(sorted(row.items())) for row in found[0]], found[1]


@QUIET
@given(data=st.data())
def test_pairs_of_libsvm_are_lists_with_weights(data: st.DataObject, tmp_path: Path) -> None:
    entries = st.tuples(
        st.sampled_from(["0", "7", "-1", "x", "1.5"] + ["3"] * 9), st.sampled_from(["1", "nan", "", ".5"])
    )
    rows = data.draw(st.lists(st.tuples(st.sampled_from(["0", "1", "x"]), st.lists(entries, max_size=3)), min_size=1))
    lines = (" ".join([label, *(f"{index}:{value}" for index, value in pairs)]) for label, pairs in rows)
    (tmp_path / "t.libsvm").write_text("".join(line + "\n" for line in lines))
    table = {
        "label": [label for label, _ in rows],
        "features": [[index for index, _ in pairs] for _, pairs in rows],
        "features_weights": [[value for _, value in pairs] for _, pairs in rows],
    }
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    field = {"name": "features", "kind": "id", "multi_valued": True, "weights": "features_weights"}
    layout = {"label": {"column": "label", "at_least": 1}, "field": [field]}
    found = read_libsvm(tmp_path / "t.libsvm")
    assert _comparable(found) == _comparable(read(tmp_path / "t.parquet", layout))


def read_libsvm(file: Path) -> tuple[list[dict], list]:
    layout = libsvm.completed(Layout(format="libsvm", label={"column": 0}))  # type: ignore[arg-type]
    blocks = list(libsvm.read(str(file), layout, Position()))
    reports = [(reject.line - 1, reject.reason) for block in blocks for reject in block.rejects]
    return [row for block in blocks for row in block.table.to_pylist()], reports


@settings(parent=QUIET, max_examples=max(3, TABLES // 20))
@given(data=st.data())
def test_a_table_gives_the_same_shards_in_every_format(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, tfrecords: Callable[..., bytes]
) -> None:
    folder = tmp_path_factory.mktemp("agree")
    layout, columns = drawn(data.draw)
    layout.pop("split", None)
    columns.pop("the split", None)
    write(folder, columns, tfrecords)
    found = {kind: _prepared(folder, kind, layout) for kind in ("csv", "parquet", "tfrecord")}
    assert found["parquet"] == found["csv"]
    assert found["tfrecord"] == found["csv"]


def _prepared(folder: Path, kind: str, layout: dict[str, Any]) -> object:
    """Content of the shards and reasons of the bad rows; None when there is no good row."""
    toml = [f"format = {kind!r}", f"missing = {list(layout['missing'])}"]
    toml += [f"time = {layout['time']!r}"] if "time" in layout else []
    toml += ["[label]", *(f"{key} = {value!r}" for key, value in layout["label"].items())]
    for field in layout["field"]:
        toml += ["[[field]]", *(f"{key} = {value!r}" for key, value in field.items())]
    (folder / f"{kind}.toml").write_text("\n".join(toml))
    asked = Request(
        reader="custom",
        options={"layout": str(folder / f"{kind}.toml")},
        split=SplitRule(by="none"),
        bad_rows=BadRows(policy="skip"),
    )
    try:
        manifest = prepare(asked, str(folder / f"t.{kind}"), folder / f"out-{kind}")
    except DataError as error:
        return str(error)
    return manifest.fingerprint, manifest.provenance.reasons
