"""How text files are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.datasets.detect.dialect import dialect_of
from wideload.errors import DataError


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "rows"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


ROWS = [("clicked", "user", "words"), *((str(n % 2), f"u{n}", "a few, words") for n in range(30))]


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", "::"])
def test_the_delimiter_is_the_one_that_gives_every_line_as_many_cells(tmp_path: Path, delimiter: str) -> None:
    text = "".join(delimiter.join(row) + "\n" for row in ROWS)
    found = dialect_of(written(tmp_path, text))
    assert (found.delimiter, found.header, found.names) == (delimiter, True, ROWS[0])


def test_delimiters_inside_quotes_do_not_count(tmp_path: Path) -> None:
    text = "".join(f'{a},{b},"{c}"\n' for a, b, c in ROWS)
    found = dialect_of(written(tmp_path, text))
    assert (found.delimiter, found.quoted, found.names) == (",", True, ROWS[0])


def test_quotes_that_are_ordinary_characters_are_noticed(tmp_path: Path) -> None:
    text = "click,size\n" + '1,5" x 3\n0,"7 x 2\n' * 20
    assert not dialect_of(written(tmp_path, text)).quoted


def test_a_first_line_with_numbers_is_no_header(tmp_path: Path) -> None:
    found = dialect_of(written(tmp_path, "1,a\n0,b\n" * 10))
    assert (found.header, found.names) == (False, ("c0", "c1"))


def test_a_first_line_of_words_that_come_again_is_no_header(tmp_path: Path) -> None:
    assert not dialect_of(written(tmp_path, "yes,red\nno,red\nyes,blue\n" * 5)).header


def test_a_header_above_words_alone_is_one(tmp_path: Path) -> None:
    assert dialect_of(written(tmp_path, "bought,colour\n" + "no,red\nyes,blue\n" * 5)).header


@pytest.mark.parametrize(
    ("line", "form"), [("1 3:1 17:0.5", "libsvm"), ("-1 qid:3 3:1  # why", "libsvm"), ("0 1:3:1 2:9:1", "libffm")]
)
def test_pairs_are_known_by_their_lines(tmp_path: Path, line: str, form: str) -> None:
    assert dialect_of(written(tmp_path, f"{line}\n" * 10)).format == form


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ("click,wörd\n1,ä\n0,ö\n".encode("latin-1"), r":1 is not UTF-8.*iconv -f ISO-8859-1"),
        ("click,word\n1,a\n".encode("utf-16"), "UTF-16"),
        (b"0 23 5:1 7:1\n1 41 5:1 9:1\n", "the price. Leave it out: cut"),
        (b"one\ntwo\nthree\n", "no delimiter"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dialect_of(written(tmp_path, content))


def test_a_few_lines_that_are_no_utf_8_are_left_to_the_reader(tmp_path: Path) -> None:
    found = dialect_of(written(tmp_path, b"click,word\n" + b"1,a\n0,b\n" * 200 + b"1,\xff\n"))
    assert found.names == ("click", "word")
