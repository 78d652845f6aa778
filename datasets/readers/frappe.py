"""Frappe: mobile app usage with its context (Baltrunas et al. 2015), with a given split.

Two forms are read: the libfm files in which it is published (``frappe.train.libfm`` and so on: a label of 1 or -1 and
ten ``index:1`` pairs, one for each field), and Parquet with ten id columns and the split in a column.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from wideload.datasets.readers import columnar, libsvm
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position

FIELDS = ("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")


class Frappe(Reader):
    name: ClassVar[str] = "frappe"
    summary: ClassVar[str] = "Frappe app usage: libfm files, or Parquet with ten id columns and the split in a column"

    def sources(self) -> tuple[str, ...]:
        return files(self.path, "frappe*.parquet", "*.parquet", "*.libfm", splits=True)

    @functools.cached_property
    def layout(self) -> Layout:
        if self._libfm:
            fields = (InputField(name=name, column=place, kind="id") for place, name in enumerate(FIELDS))
            return Layout(format="libsvm", label=Label(column=0), field=tuple(fields))
        return Layout(
            format="parquet",
            label=Label(column="label"),
            split="split",
            field=tuple(InputField(name=name, kind="id") for name in FIELDS),
        )

    @functools.cached_property
    def _libfm(self) -> bool:
        return ".libfm" in Path(self.sources()[0]).name

    def split_of(self, source: str) -> str | None:
        """Libfm files are splits, by their names."""
        name = Path(source).name
        if not self._libfm:
            return None
        return next((split for split in ("validation", "test") if split in name), "train")

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        if self._libfm:
            return libsvm.read(source, self.layout, start, entries=len(FIELDS))
        return columnar.read(source, self.layout, start)
