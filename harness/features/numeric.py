"""Numeric columns: all of them at once, as one block of floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wideload.arrays import Floats
from wideload.errors import ColumnError
from wideload.harness.features.fields import field_of
from wideload.harness.features.sources import Reading
from wideload.harness.workload.columns import Numeric

if TYPE_CHECKING:
    from wideload.datasets.contract import Schema


@dataclass(frozen=True, slots=True)
class Input:
    """One numeric column, resolved: ``y = (f(clip(x)) - mean) / std``; a missing ``x`` becomes ``y = fill``."""

    column: Numeric
    field: str
    mean: float
    std: float
    fill: float

    @property
    def logarithm(self) -> bool:
        return self.column.transform.startswith("log1p")


class DenseBlock:
    """Reads every numeric column of a batch: float32 ``[B, width]``; missing indicators follow the numbers."""

    def __init__(self, columns: tuple[Numeric, ...], schema: Schema) -> None:
        self._inputs = [_resolve(column, schema) for column in columns]
        self._mean = np.array([one.mean for one in self._inputs], np.float32)[:, None]
        self._scale = np.array([1.0 / one.std for one in self._inputs], np.float32)[:, None]
        self._fill = np.array([one.fill for one in self._inputs], np.float32)[:, None]
        self._logarithms = [index for index, one in enumerate(self._inputs) if one.logarithm]
        self._indicators = [index for index, one in enumerate(self._inputs) if one.column.missing_indicator]

    @property
    def width(self) -> int:
        return len(self._inputs) + len(self._indicators)

    @property
    def inputs(self) -> list[Input]:
        """The numeric columns, in order."""
        return self._inputs

    @property
    def identities(self) -> dict[str, list[float]]:
        """What each column's numbers depend on in addition to its declaration."""
        return {one.column.name: [one.mean, one.std] for one in self._inputs}

    def read(self, reading: Reading) -> Floats:
        count = len(self._inputs)
        block = np.empty((self.width, reading.size), np.float32)
        numbers = block[:count]
        for row, one in zip(numbers, self._inputs, strict=True):
            row[:] = reading.numbers(one.field, one.column.name)
            if one.column.clip is not None:
                np.clip(row, *one.column.clip, out=row)
        missing = np.isnan(numbers)
        for index in self._logarithms:
            numbers[index] = np.copysign(np.log1p(np.abs(numbers[index])), numbers[index])
        numbers -= self._mean
        numbers *= self._scale
        if missing.any():
            np.copyto(numbers, self._fill, where=missing)
        block[count:] = missing[self._indicators]
        return np.ascontiguousarray(block.T)


def _resolve(column: Numeric, schema: Schema) -> Input:
    field = field_of(schema, column.field or column.name, column.name, "numeric")
    _check(column)
    mean = field.mean if column.mean is None else column.mean
    if column.transform.endswith("standardise"):
        return Input(column, field.name, mean, column.std or field.std or 1.0, 0.0)
    fill = float(np.copysign(np.log1p(abs(mean)), mean)) if column.transform == "log1p" else mean
    return Input(column, field.name, 0.0, 1.0, fill)


def _check(column: Numeric) -> None:
    if column.clip is not None and not column.clip[0] < column.clip[1]:
        raise ColumnError(f"column {column.name!r}: clip needs lower < upper, given {list(column.clip)}.")
    if column.transform == "log1p_standardise" and (column.mean is None or column.std is None):
        raise ColumnError(
            f"column {column.name!r}: log1p_standardise needs mean and std of log(1 + |x|); "
            "the data set knows those of x only."
        )
