"""``planted``: labels from a known Wide & Deep, so that the best possible AUC is known.

::

    PlantedOptions -> Truth (what a row is)  -> Planted (splits, order, batches, or shards in the cache folder)

Rows are functions of their number. The splits follow each other: training rows first, then validation, then test. With
a seed, an epoch visits the rows in a computed permutation; each rank computes the rows of its own share and no others.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.datasets.contract import Dataset, Field, Plan, Schema, Split
from wideload.datasets.counter_rng import Shuffle, salt
from wideload.datasets.planted.auc import auc
from wideload.datasets.planted.options import PlantedOptions
from wideload.datasets.planted.truth import Inputs, Truth
from wideload.datasets.prepared.read_ahead import ahead
from wideload.options import Options

LABEL = "label"
GENERATION = 1
"""Grows when the same options give other rows."""

_BLOCK = 2048
_AHEAD = 4


class Planted(Dataset):
    name: ClassVar[str] = "planted"
    summary: ClassVar[str] = "generated: a known Wide & Deep with Zipf-distributed ids, any vocabulary, best AUC known"
    Options: ClassVar[type[Options]] = PlantedOptions

    @property
    def choice(self) -> PlantedOptions:
        """The options, typed."""
        assert isinstance(self.options, PlantedOptions)  # for the type checker
        return self.options

    @functools.cached_property
    def truth(self) -> Truth:
        return Truth(self.choice)

    def schema(self) -> Schema:
        options = self.choice
        numbers = [Field(f"I{index + 1}", "numeric") for index in range(options.numeric)]
        slots = [
            Field(f"C{slot + 1}", "categorical", multi_valued=slot >= options.single_valued, cardinality=int(size))
            for slot, size in enumerate(options.vocabularies())
        ]
        return Schema(LABEL, (*numbers, *slots))

    def size(self, split: Split) -> int:
        options = self.choice
        sizes = {"train": options.examples, "validation": options.validation_examples, "test": options.test_examples}
        return sizes[split]

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        if self.choice.storage == "files":
            from wideload.datasets.planted.shard_cache import ensure

            return ensure(self).stream(split, plan)
        return ahead(lambda: self._batches(split, plan), _AHEAD)

    def _batches(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Rows are computed for several small batches at once: NumPy's cost per call is then small."""
        size, steps = self.size(split), plan.batches(self.size(split))
        together = max(1, _BLOCK * plan.ranks // plan.batch_size)
        for first in range(plan.start, steps, together):
            ranges = [self._range(step, size, plan) for step in range(first, min(steps, first + together))]
            positions = np.concatenate([np.arange(begin, end, dtype=np.int64) for begin, end in ranges])
            batch = self.rows(split, positions if plan.seed is None else self._shuffle(size, plan)(positions))
            offset = 0
            for begin, end in ranges:
                yield batch.slice(offset, end - begin)
                offset += end - begin

    def _range(self, step: int, size: int, plan: Plan) -> tuple[int, int]:
        begin, end = plan.share(min(plan.batch_size, size - step * plan.batch_size))
        return step * plan.batch_size + begin, step * plan.batch_size + end

    def _shuffle(self, size: int, plan: Plan) -> Shuffle:
        return Shuffle(size, salt(plan.seed or 0, plan.epoch))

    def rows(self, split: Split, positions: npt.NDArray[np.int64]) -> pa.RecordBatch:
        """Any rows of a split, by their position in stored order."""
        blocks = [
            self._block(self._number(split, positions[begin : begin + _BLOCK]))
            for begin in range(0, max(1, len(positions)), _BLOCK)
        ]
        if len(blocks) == 1:
            return blocks[0]
        return pa.Table.from_batches(blocks).combine_chunks().to_batches()[0]

    def _number(self, split: Split, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        before = {"train": 0, "validation": self.choice.examples}
        before["test"] = before["validation"] + self.choice.validation_examples
        return positions + before[split]

    def _known(self, numbers: npt.NDArray[np.int64]) -> tuple[Inputs, npt.NDArray[np.float64]]:
        inputs = self.truth.inputs(numbers, numbers / max(1, self.choice.examples))
        return inputs, self.truth.probabilities(inputs)

    def _block(self, numbers: npt.NDArray[np.int64]) -> pa.RecordBatch:
        inputs, probabilities = self._known(numbers)
        labels = self.truth.labels(numbers, probabilities)
        arrays = [pa.array(labels), *_columns(inputs.numbers), *self._slots(inputs)]
        return pa.RecordBatch.from_arrays(arrays, names=[LABEL, *(field.name for field in self.schema_fields)])

    @functools.cached_property
    def schema_fields(self) -> tuple[Field, ...]:
        return self.schema().fields

    def _slots(self, inputs: Inputs) -> list[Any]:
        options = self.choice
        arrays = _columns(inputs.ids[:, : options.single_valued])
        positions = np.arange(options.max_values)
        for slot in range(options.multi_valued):
            begin = options.single_valued + slot * options.max_values
            lengths = inputs.lengths[:, slot]
            values = inputs.ids[:, begin : begin + options.max_values][positions < lengths[:, None]]
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            arrays.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)))
        return arrays

    def best_auc(self, split: Split) -> float | None:
        """AUC of the true probabilities against the labels of that split; None for a split with one class only."""
        return self._best(split)

    @functools.lru_cache(maxsize=3)  # noqa: B019  a data set lives as long as its process
    def _best(self, split: Split) -> float | None:
        labels, probabilities = [], []
        for begin in range(0, self.size(split), _BLOCK):
            positions = np.arange(begin, min(begin + _BLOCK, self.size(split)), dtype=np.int64)
            numbers = self._number(split, positions)
            probability = self._known(numbers)[1]
            probabilities.append(probability)
            labels.append(self.truth.labels(numbers, probability))
        return auc(np.concatenate(labels), np.concatenate(probabilities)) if labels else None

    def fingerprint(self) -> str:
        content = self.choice.model_dump_json(exclude={"storage"})
        return hashlib.blake2b(f"planted {GENERATION} {content}".encode(), digest_size=8).hexdigest()


def _columns(matrix: npt.NDArray[Any]) -> list[Any]:
    """Arrow arrays of a matrix's columns."""
    return [pa.array(column) for column in np.ascontiguousarray(matrix.T)]
