"""Census Income (UCI Adult): ``adult.data`` and ``adult.test`` as published, or CSV files with a header.

Each file is a split. ``?`` is kept as a value. The test file begins with a comment line, and its labels end in a full
stop.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from wideload.datasets.readers import delimited
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import InputField, Kind, Label, Layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position

_KINDS: dict[str, Kind] = {
    "age": "number",
    "workclass": "text",
    "fnlwgt": "number",
    "education": "text",
    "education_num": "number",
    "marital_status": "text",
    "occupation": "text",
    "relationship": "text",
    "race": "text",
    "gender": "text",
    "capital_gain": "number",
    "capital_loss": "number",
    "hours_per_week": "number",
    "native_country": "text",
}


class CensusIncome(Reader):
    name: ClassVar[str] = "census"
    summary: ClassVar[str] = "Census Income (UCI Adult): adult.data and adult.test, or CSV with a header"

    def sources(self) -> tuple[str, ...]:
        return files(self.path, "adult.data", "adult.test", "adult*.csv", splits=True)

    @functools.cached_property
    def layout(self) -> Layout:
        return Layout(
            columns=(*_KINDS, "income"),
            label=Label(column="income", positive=(">50K", ">50K."), allowed=("<=50K", "<=50K.")),
            field=tuple(InputField(name=name, kind=kind) for name, kind in _KINDS.items() if name != "fnlwgt"),
        )

    def split_of(self, source: str) -> str | None:
        return "test" if "test" in Path(source).name else "train"

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        names = delimited.names_in_header(source, ",")
        headed = names[0] == "age" or names[0].startswith("|")
        columns = delimited.in_order(names, self.layout.columns or ())
        return delimited.read(source, self.layout.model_copy(update={"header": headed, "columns": columns}), start)
