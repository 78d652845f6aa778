"""The rows of a planted data set. A row depends only on its number, so any process can compute any row.

The splits follow each other: training rows come first, then validation, then test.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.datasets.contract import Field, Schema, Split
from wideload.datasets.planted.options import PlantedOptions
from wideload.datasets.planted.truth import Inputs, Truth

LABEL = "label"
GENERATION = 1
"""Increased whenever the same options give different rows."""

BLOCK = 2048
"""Number of rows that are computed at once."""


class PlantedRows:
    """All rows of the data set that the options describe."""

    def __init__(self, options: PlantedOptions) -> None:
        self.options = options

    @functools.cached_property
    def truth(self) -> Truth:
        return Truth(self.options)

    @functools.cached_property
    def schema(self) -> Schema:
        options = self.options
        numbers = [Field(f"I{index + 1}", "numeric") for index in range(options.numeric)]
        slots = [
            Field(f"C{slot + 1}", "categorical", multi_valued=slot >= options.single_valued, cardinality=int(size))
            for slot, size in enumerate(options.vocabularies())
        ]
        return Schema(LABEL, (*numbers, *slots))

    @property
    def fingerprint(self) -> str:
        """16 hex digits over everything that the rows depend on."""
        content = self.options.model_dump_json(exclude={"storage"})
        return hashlib.blake2b(f"planted {GENERATION} {content}".encode(), digest_size=8).hexdigest()

    def size(self, split: Split) -> int:
        options = self.options
        sizes = {"train": options.examples, "validation": options.validation_examples, "test": options.test_examples}
        return sizes[split]

    def rows(self, split: Split, positions: npt.NDArray[np.int64]) -> pa.RecordBatch:
        """Computes rows of a split, given by their positions in stored order."""
        blocks = [
            self._block(self._number(split, positions[begin : begin + BLOCK]))
            for begin in range(0, max(1, len(positions)), BLOCK)
        ]
        if len(blocks) == 1:
            return blocks[0]
        return pa.Table.from_batches(blocks).combine_chunks().to_batches()[0]

    def labels(
        self, split: Split, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Returns the labels of rows and the probabilities that they were drawn with."""
        numbers = self._number(split, positions)
        _, probabilities = self._known(numbers)
        return self.truth.labels(numbers, probabilities), probabilities

    def _number(self, split: Split, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        before = {"train": 0, "validation": self.options.examples}
        before["test"] = before["validation"] + self.options.validation_examples
        return positions + before[split]

    def _known(self, numbers: npt.NDArray[np.int64]) -> tuple[Inputs, npt.NDArray[np.float64]]:
        inputs = self.truth.inputs(numbers, numbers / max(1, self.options.examples))
        return inputs, self.truth.probabilities(inputs)

    def _block(self, numbers: npt.NDArray[np.int64]) -> pa.RecordBatch:
        inputs, probabilities = self._known(numbers)
        labels = self.truth.labels(numbers, probabilities)
        arrays = [pa.array(labels), *_columns(inputs.numbers), *self._slots(inputs)]
        return pa.RecordBatch.from_arrays(arrays, names=[LABEL, *(field.name for field in self.schema.fields)])

    def _slots(self, inputs: Inputs) -> list[Any]:
        options = self.options
        arrays = _columns(inputs.ids[:, : options.single_valued])
        positions = np.arange(options.max_values)
        for slot in range(options.multi_valued):
            begin = options.single_valued + slot * options.max_values
            lengths = inputs.lengths[:, slot]
            values = inputs.ids[:, begin : begin + options.max_values][positions < lengths[:, None]]
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            arrays.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)))
        return arrays


def _columns(matrix: npt.NDArray[Any]) -> list[Any]:
    """Returns the columns of a matrix as Arrow arrays."""
    return [pa.array(column) for column in np.ascontiguousarray(matrix.T)]
