"""Avazu's click logs (Kaggle, 2014): comma-separated with a header; every field is a category.

``hour`` has the form ``YYMMDDHH``. It is the time of a row, and its hour of the day is also a field.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.readers import delimited
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position

_HEX = (
    "site_id",
    "site_domain",
    "site_category",
    "app_id",
    "app_domain",
    "app_category",
    "device_id",
    "device_ip",
    "device_model",
)
_IDS = ("banner_pos", "device_type", "device_conn_type")
_INTEGERS = ("C1", "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21")


class Avazu(Reader):
    name: ClassVar[str] = "avazu"
    summary: ClassVar[str] = "Avazu click-through-rate logs: CSV with a header; .gz too"

    def sources(self) -> tuple[str, ...]:
        return files(self.path, "train", "train*.csv", "train*.gz", "*.csv", "*.csv.gz")

    @functools.cached_property
    def layout(self) -> Layout:
        return Layout(
            quoted=False,
            label=Label(column="click"),
            time="hour",
            field=(
                InputField(name="hour", kind="id"),
                *(InputField(name=name, kind="hex") for name in _HEX),
                *(InputField(name=name, kind="id") for name in _IDS),
                *(InputField(name=name, kind="integer") for name in _INTEGERS),
            ),
        )

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        for block in delimited.read(source, self.layout, start):
            yield Block(_hour_of_day(block.table), block.rejects, block.after, block.blank)


def _hour_of_day(table: pa.Table) -> pa.Table:
    stamp = table["hour"]
    hour = pc.subtract(stamp, pc.multiply(pc.divide(stamp, 100), 100))
    return table.set_column(table.column_names.index("hour"), "hour", hour)
