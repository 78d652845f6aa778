"""Vocabulary files are read as data are: trimmed, without a byte order mark and without blank lines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.contract import Field
from wideload.errors import ColumnError
from wideload.harness.features.vocabulary import vocabulary_of
from wideload.harness.workload.columns import Vocabulary

FIELD = Field("colour", "categorical")


def words(path: Path) -> list[str]:
    found: list[str] = vocabulary_of(Vocabulary(file=str(path)), FIELD, "colour").to_pylist()
    return found


@pytest.mark.parametrize(
    "text",
    [
        "red\ngreen\nblue\n",
        "\ufeffred\ngreen\nblue",
        "red \ngreen\t\n\xa0blue\n",
        "red\n\ngreen\nblue\n\n",
        "red\r\ngreen\r\nblue\r\n",
    ],
)
def test_a_file_of_words_is_trimmed_as_data_are(tmp_path: Path, text: str) -> None:
    (tmp_path / "words.txt").write_bytes(text.encode())
    assert words(tmp_path / "words.txt") == ["red", "green", "blue"]


def test_a_word_may_hold_a_line_separator_of_unicode(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\u2028b\nc\n", encoding="utf-8")
    assert words(tmp_path / "words.txt") == ["a\u2028b", "c"]


def test_a_word_that_is_there_twice_names_both_lines(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("red\nblue\n\nred \n")
    with pytest.raises(ColumnError, match="'red' on lines 1 and 4"):
        words(tmp_path / "words.txt")


def test_a_parquet_file_of_words_is_trimmed_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": ["red ", "", None, " blue"]}), tmp_path / "words.parquet")
    assert words(tmp_path / "words.parquet") == ["red", "blue"]
    pq.write_table(pa.table({"value": ["red ", "red"]}), tmp_path / "twice.parquet")
    with pytest.raises(ColumnError, match="occurs twice"):
        words(tmp_path / "twice.parquet")
