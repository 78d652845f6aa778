"""Criteo's click logs: label, 13 integer features, 26 hashed categories.

The published files (Kaggle's ``train.txt`` and the Terabyte set's ``day_0`` to ``day_23``, optionally gzipped) are
tab-separated without a header; a comma-separated variant with a header circulates as a sample. The first
line tells them apart. Categories are 32-bit hexadecimal words and are stored as integers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

from wideload.datasets.readers import delimited
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position
from wideload.datasets.text.cells import header

NUMBERS = tuple(f"I{index}" for index in range(1, 14))
CATEGORIES = tuple(f"C{index}" for index in range(1, 27))
COLUMNS = ("label", *NUMBERS, *CATEGORIES)


class Criteo(Reader):
    name: ClassVar[str] = "criteo"
    summary: ClassVar[str] = "Criteo Kaggle and Terabyte logs: TSV without header, or CSV with one; .gz too"

    def sources(self) -> tuple[str, ...]:
        return files(self.path, "day_*", "train.txt*", "*.tsv", "*.tsv.gz", "*.csv", "*.txt")

    @functools.cached_property
    def layout(self) -> Layout:
        line = delimited.first_line(self.sources()[0])
        delimiter = "\t" if line.count("\t") >= line.count(",") else ","
        headed = "label" in line.lower()
        return Layout(
            delimiter=delimiter,
            header=headed,
            quoted=False,
            columns=delimited.in_order(header(line, delimiter), COLUMNS) if headed else COLUMNS,
            label=Label(column="label"),
            field=(
                *(InputField(name=name, kind="number") for name in NUMBERS),
                *(InputField(name=name, kind="hex") for name in CATEGORIES),
            ),
        )

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        return delimited.read(source, self.layout, start)
