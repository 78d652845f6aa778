"""Frappe: mobile app usage with its context (Baltrunas et al. 2015), as a Parquet file of ids with a given split."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

from wideload.datasets.readers import columnar
from wideload.datasets.readers.contract import Block, Reader, files
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.text.blocks import Position

FIELDS = ("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")


class Frappe(Reader):
    name: ClassVar[str] = "frappe"
    summary: ClassVar[str] = "Frappe app usage: Parquet with ten id columns and the split in a column"

    def sources(self) -> tuple[str, ...]:
        return files(self.path, "frappe*.parquet", "*.parquet")

    @functools.cached_property
    def layout(self) -> Layout:
        return Layout(
            format="parquet",
            label=Label(column="label"),
            split="split",
            field=tuple(InputField(name=name, kind="id") for name in FIELDS),
        )

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        return columnar.read(source, self.layout, start)
