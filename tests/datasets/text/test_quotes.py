"""Quoted cells that span lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.prepared.reader import Prepared
from wideload.datasets.rejects import BadRows, Reject
from wideload.datasets.text import blocks
from wideload.datasets.text.blocks import Position
from wideload.datasets.text.cells import split

START = Position()


def read(
    file: Path, columns: int, start: Position = START, block: int = 256
) -> tuple[list[tuple[int, list[bytes]]], list[Reject], list[Position]]:
    """Line number and cells of every row, the rejects, and where each block ended."""
    rows, rejects, ends = [], [], []
    for one in blocks.blocks(str(file), start, block, block, quoted=","):
        found, bad = split(one, ",", columns, quoted=True)
        cells = zip(*(found.bytes_of(column).to_pylist() for column in range(columns)), strict=True)
        rows += [(line, list(row)) for line, row in zip(found.lines.tolist(), cells, strict=True)]
        rejects += bad
        ends.append(one.after)
    return rows, rejects, ends


CELL = st.text(st.sampled_from('ab,"\n\ré'), max_size=9)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=40),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    place=st.floats(0, 1),
)
def test_what_the_csv_module_writes_is_read_back_and_resumed_anywhere(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], end: str, mark: str, place: float
) -> None:
    out, begins = io.StringIO(), []
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    for row in table:
        begins.append(1 + out.getvalue().count("\n"))
        writer.writerow(row)
    file = tmp_path_factory.mktemp("quotes") / "rows.csv"
    file.write_bytes((mark + out.getvalue()).encode())
    rows, rejects, ends = read(file, 3)
    assert rejects == []
    assert rows == [(line, [cell.encode() for cell in row]) for line, row in zip(begins, table, strict=True)]
    if ends:
        after = ends[int(place * (len(ends) - 1))]
        assert read(file, 3, after)[0] == [row for row in rows if row[0] > after.line]


def test_quotes_amid_a_cell_are_letters_and_open_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'1,5" pipe\n2, "x\n3,y\n')
    rows, rejects, _ = read(file, 2)
    assert rows == [(1, [b"1", b'5" pipe']), (2, [b"2", b' "x']), (3, [b"3", b"y"])]
    assert rejects == []


@pytest.mark.parametrize("more", [b"", b'4,"q"\n', b'4,"two\nlines"\n', b'4,""\n'])
@pytest.mark.parametrize("before", [0, 1, 100])
def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path, more: bytes, before: int) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"0,a\n" * before + b'1,"open\n2,b\n3,c"d\n' + more + b"5,e\n" * 200)
    rows, rejects, _ = read(file, 2)
    assert [(reject.line, reject.reason[:19]) for reject in rejects] == [(before + 1, "quotes do not match")]
    assert [row for _, row in rows[before : before + 2]] == [[b"2", b"b"], [b"3", b'c"d']]
    assert len(rows) == before + 2 + bool(more) + 200


def test_a_record_longer_than_a_block_is_a_bad_row_of_each_of_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'1,a\n2,"' + b"long\n" * 100 + b'"\n3,c\n')
    rows, rejects, ends = read(file, 2)
    assert rows == [(1, [b"1", b"a"]), (103, [b"3", b"c"])]
    assert sorted(reject.line for reject in rejects) == list(range(2, 103))
    assert ends[-1].line == 103


def test_a_bad_row_is_named_by_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'1,"a\n\nb"\n2,"c\n\xff"\n3,"d\ne",x\n4,f\n')
    rows, rejects, _ = read(file, 2)
    assert rows == [(1, [b"1", b"a\n\nb"]), (8, [b"4", b"f"])]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (4, "not UTF-8"),
        (6, "3 columns where 2 are expected"),
    ]


def test_a_file_with_such_cells_is_prepared(tmp_path: Path) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text('[label]\ncolumn = "y"\n[[field]]\nname = "d"\ncolumn = "what\\nit says"\n')
    file = tmp_path / "rows.csv"
    file.write_text('y,"what\nit says"\n1,"two\nlines"\n0,"one, ""line"""\nx,bad\n')
    options = {"layout": str(layout)}
    asked = Request(reader="custom", options=options, bad_rows=BadRows(policy="skip"))
    manifest = prepare(
        asked.model_copy(update={"split": asked.split.model_copy(update={"by": "none"})}), str(file), tmp_path / "out"
    )
    assert (manifest.provenance.rows_in, manifest.provenance.rows_out) == (3, 2)
    assert sorted(Prepared(str(tmp_path / "out")).vocabularies["d"].to_pylist()) == ['one, "line"', "two\nlines"]
