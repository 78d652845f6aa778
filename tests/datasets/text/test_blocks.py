"""Files as blocks of lines, and lines as cells."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.values import scalar
from wideload.datasets.text import blocks as text
from wideload.datasets.text import values
from wideload.datasets.text.blocks import Position
from wideload.datasets.text.cells import Cells, header, split
from wideload.errors import DataError

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


START = Position()


def read(path: Path, start: Position = START, block: int = 64, longest: int = 64) -> list[text.TextBlock]:
    return list(text.blocks(str(path), start, block, longest))


def content(blocks: list[text.TextBlock]) -> bytes:
    return b"".join(block.content[: block.length] for block in blocks)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.txt"


def test_blocks_hold_whole_lines_and_together_the_file(file: Path) -> None:
    file.write_bytes(b"".join(b"line %d\n" % n for n in range(100)))
    blocks = read(file)
    assert content(blocks) == file.read_bytes()
    assert all(block.content[: block.length].endswith(b"\n") for block in blocks)
    assert [block.line for block in blocks] == [0, *(block.after.line for block in blocks[:-1])]
    assert len(blocks) > 10


LINES = st.lists(st.binary(max_size=30).map(lambda line: line.translate(None, b"\n\r\0\xff\xfe")), max_size=60)
"""Bytes of all kinds, but for those by which a file of another encoding is recognised, which is refused."""


@SLOW
@given(lines=LINES, cut=st.data())
def test_reading_resumes_at_any_block_with_the_same_blocks(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("text") / "rows.txt"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    blocks = read(file)
    if blocks:
        place = cut.draw(st.integers(0, len(blocks) - 1))
        rest = read(file, blocks[place].after)
        assert [block.content for block in rest] == [block.content for block in blocks[place + 1 :]]
        assert [block.line for block in rest] == [block.line for block in blocks[place + 1 :]]


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_files_are_read_and_resumed(tmp_path: Path, suffix: str, pack: object) -> None:
    plain = b"".join(b"line %d\n" % n for n in range(200))
    file = tmp_path / f"rows.txt{suffix}"
    file.write_bytes(pack(plain))  # type: ignore[operator]
    blocks = read(file)
    assert content(blocks) == plain
    assert content(read(file, blocks[2].after)) == content(blocks[3:])


def test_a_gzip_file_of_several_members_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "rows.gz"
    file.write_bytes(gzip.compress(b"a\n" * 50) + gzip.compress(b"b\n" * 50))
    assert content(read(file)) == b"a\n" * 50 + b"b\n" * 50


@pytest.mark.parametrize("keep", [3, 40])
def test_a_cut_off_gzip_file_is_named(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "rows.gz"
    file.write_bytes(gzip.compress(np.random.default_rng(0).bytes(5000))[:keep])
    with pytest.raises(DataError, match=r"rows\.gz"):
        read(file)


def test_a_last_line_without_an_end_is_a_line(file: Path) -> None:
    file.write_bytes(b"a\nb")
    assert content(read(file)) == b"a\nb\n"


def test_a_byte_order_mark_is_no_part_of_the_first_line(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa\nb\n")
    assert content(read(file)) == b"a\nb\n"


def test_an_empty_file_has_no_blocks(file: Path) -> None:
    file.write_bytes(b"")
    assert read(file) == []


@pytest.mark.parametrize("size", [64, 65, 128, 1000])
@pytest.mark.parametrize("ended", [True, False])
def test_an_enormous_line_is_reported_and_not_held(file: Path, size: int, ended: bool) -> None:
    file.write_bytes(b"a\n" + b"x" * size + b"\nb\n" * ended)
    blocks = read(file)
    rejects = [reject for block in blocks for reject in block.rejects]
    assert [(reject.line, reject.reason) for reject in rejects] == [(2, "line longer than 64 bytes")]
    assert content(blocks) == (b"a\nb\n" if ended else b"a\n")
    assert blocks[-1].after.line == 2 + ended


def cells(content: bytes, columns: int, delimiter: str = ",", quoted: bool = False) -> tuple[Cells, list]:
    block = text.TextBlock(
        "file",
        content + bytes(text.PADDING),
        np.frombuffer(content + bytes(text.PADDING), np.uint8),
        len(content),
        0,
        Position(),
    )
    return split(block, delimiter, columns, quoted)


def as_text(found: Cells, columns: int) -> list[list[bytes]]:
    return [list(row) for row in zip(*(found.bytes_of(column).to_pylist() for column in range(columns)), strict=True)]


def test_cells_are_what_is_between_delimiters() -> None:
    found, rejects = cells(b"a,bb,\n,,c\n", 3)
    assert as_text(found, 3) == [[b"a", b"bb", b""], [b"", b"", b"c"]]
    assert rejects == []


def test_a_delimiter_may_be_two_characters() -> None:
    found, _ = cells(b"1::22::3\n4::::6\n", 3, "::")
    assert as_text(found, 3) == [[b"1", b"22", b"3"], [b"4", b"", b"6"]]


def test_the_carriage_returns_of_windows_are_no_part_of_a_cell() -> None:
    found, _ = cells(b"a,b\r\nc,\r\n", 2)
    assert as_text(found, 2) == [[b"a", b"b"], [b"c", b""]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a", "1 columns where 2 are expected"),
        (b"a,b,c", "3 columns where 2 are expected"),
        (b"a,\x00", "NUL byte"),
        (b"a,\xff", "not UTF-8"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_reason(line: bytes, reason: str) -> None:
    found, rejects = cells(b"1,2\n" + line + b"\n3,4\n", 2)
    assert as_text(found, 2) == [[b"1", b"2"], [b"3", b"4"]]
    assert [(reject.line, reject.reason) for reject in rejects] == [(2, reason)]
    assert found.lines.tolist() == [1, 3]


def test_blank_lines_are_counted_and_are_no_rows() -> None:
    found, rejects = cells(b"1,2\n\n\r\n3,4\n", 2)
    assert (len(found), rejects, found.blank) == (2, [], 2)


def test_quoted_cells_may_hold_delimiters_and_quotes() -> None:
    found, rejects = cells(b'1,"a, b"\n2,c\n3,"say ""hi"""\n4,"open\n', 2, quoted=True)
    assert as_text(found, 2) == [[b"1", b"a, b"], [b"2", b"c"], [b"3", b'say "hi"']]
    assert [(reject.line, reject.reason[:19]) for reject in rejects] == [(4, "quotes do not match")]


def test_quotes_are_letters_where_the_delimiter_has_two_characters() -> None:
    found, rejects = cells(b'1::"a\n', 2, "::", quoted=True)
    assert as_text(found, 2) == [[b"1", b'"a']]
    assert rejects == []


@pytest.mark.parametrize(
    ("line", "names"),
    [("a, b", ["a", "b"]), ('"a, b",c', ["a, b", "c"]), ('"a,b', ['"a', "b"]), ('a\r"b,c', ['a\r"b', "c"])],
)
def test_a_header_gives_names_whatever_its_quotes(line: str, names: list[str]) -> None:
    assert header(line, ",") == names


@settings(deadline=None)
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters=",\n\r\0"), max_size=6), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_survives_splitting(rows: list[list[str]]) -> None:
    found, rejects = cells("".join(",".join(row) + "\n" for row in rows).encode(), 3)
    assert rejects == []
    assert as_text(found, 3) == [[cell.encode() for cell in row] for row in rows]


CELL = st.text("0123456789abcdefABCDEFgG+-._ exnif", max_size=18) | st.sampled_from(["0x0", "0x1f", "-1f", "1_0"])


QUICK = {"integer": values.integers, "hex": values.hexadecimals, "number": values.numbers}


def parsed(kind: str, texts: list[str]) -> tuple[list, list[bool]]:
    """The values of a column, and which rows are bad; the quick path, where it is taken, gives the same."""
    found, rejects = cells("".join(f"{text},\n" for text in texts).encode(), 2)
    assert rejects == []
    typed = scalar(found.bytes_of(0), kind, Missing())
    (quick,) = QUICK[kind](found, [0])
    assert quick is None or quick.equals(typed.values)
    bad = np.zeros(len(texts), dtype=bool)
    for problem in typed.problems:
        bad |= problem.mask
    return typed.values.to_pylist(), bad.tolist()


@settings(deadline=None, max_examples=300)
@given(texts=st.lists(CELL | st.integers(-(2**66), 2**66).map(str), min_size=1, max_size=8))
def test_integers_are_parsed_as_python_does(texts: list[str]) -> None:
    found, bad = parsed("integer", texts)
    for text_, value, wrong in zip(texts, found, bad, strict=True):
        whole = text_.strip().partition(".")
        try:
            expected = int(whole[0].replace("_", "x")) if text_.strip() else None
        except ValueError:
            assert wrong, text_
            continue
        fits = (expected is None or -(2**63) <= expected < 2**64) and not whole[2].strip("0")
        signed = expected if expected is None or expected < 2**63 else expected - 2**64
        assert (value, wrong) == ((signed, False) if fits else (None, True)), text_


@settings(deadline=None, max_examples=300)
@given(texts=st.lists(CELL | st.from_regex(r"\A[0-9a-fA-F]{8}\Z"), min_size=1, max_size=8))
def test_hexadecimal_words_are_parsed_as_python_does(texts: list[str]) -> None:
    found, bad = parsed("hex", texts)
    for text_, value, wrong in zip(texts, found, bad, strict=True):
        word = text_.strip()
        if not word:
            assert (value, wrong) == (None, False)
        elif all(letter in "0123456789abcdefABCDEF" for letter in word) and len(word) <= 16:
            assert (value % 2**64, wrong) == (int(word, 16), False)
        else:
            assert wrong, text_


@settings(deadline=None, max_examples=300)
@given(texts=st.lists(CELL | st.floats(width=32, allow_nan=True).map(repr), min_size=1, max_size=8))
def test_numbers_are_finite_or_bad_rows(texts: list[str]) -> None:
    found, bad = parsed("number", texts)
    for text_, value, wrong in zip(texts, found, bad, strict=True):
        if not text_.strip():
            assert (value, wrong) == (None, False)
        elif not wrong:
            assert np.float32(value) == np.float32(float(text_))
            assert np.isfinite(value)
        else:
            assert value is None


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", "1e400", "abc", "1,5", "0x10", "1_000"])
def test_what_is_no_finite_number_is_a_bad_row(word: str) -> None:
    if "," not in word:
        assert parsed("number", [word, "1"])[1] == [True, False]


def test_missing_words_are_nulls_in_any_column() -> None:
    found, _ = cells(b"NA,1\n7,NA\n", 2)
    missing = Missing(["NA"])
    assert scalar(found.bytes_of(0), "integer", missing).values.to_pylist() == [None, 7]
    assert scalar(found.bytes_of(1), "number", missing).values.to_pylist() == [1.0, None]
    assert scalar(found.bytes_of(0), "text", missing).values.to_pylist() == [None, "7"]
