"""``planted``: generated data with labels from a known Wide & Deep model, so the best possible AUC is known.

::

    PlantedOptions -> Truth (what a row is) -> PlantedRows -> Planted (splits, order, batches, or shards in the cache)

With a seed, an epoch visits the rows in a computed permutation. Each rank computes only the rows of its own share.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa

from wideload.datasets.contract import Dataset, Plan, Schema, Split
from wideload.datasets.counter_rng import Shuffle, salt
from wideload.datasets.planted.auc import auc
from wideload.datasets.planted.options import PlantedOptions
from wideload.datasets.planted.rows import BLOCK, PlantedRows
from wideload.datasets.planted.shard_cache import ensure
from wideload.datasets.prepared.read_ahead import ahead
from wideload.options import Options

_AHEAD = 4


class Planted(Dataset):
    name: ClassVar[str] = "planted"
    summary: ClassVar[str] = "generated: a known Wide & Deep with Zipf-distributed ids, any vocabulary, best AUC known"
    Options: ClassVar[type[Options]] = PlantedOptions

    @functools.cached_property
    def generated(self) -> PlantedRows:
        assert isinstance(self.options, PlantedOptions)  # for the type checker
        return PlantedRows(self.options)

    def schema(self) -> Schema:
        return self.generated.schema

    def size(self, split: Split) -> int:
        return self.generated.size(split)

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        if self.generated.options.storage == "files":
            return ensure(self.generated).stream(split, plan)
        return ahead(lambda: self._batches(split, plan), _AHEAD)

    def _batches(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Computes the rows of several small batches at once, which keeps NumPy's cost per call small."""
        size, steps = self.size(split), plan.batches(self.size(split))
        together = max(1, BLOCK * plan.ranks // plan.batch_size)
        for first in range(plan.start, steps, together):
            ranges = [self._range(step, size, plan) for step in range(first, min(steps, first + together))]
            positions = np.concatenate([np.arange(begin, end, dtype=np.int64) for begin, end in ranges])
            shuffled = positions if plan.seed is None else self._shuffle(size, plan)(positions)
            batch = self.generated.rows(split, shuffled)
            offset = 0
            for begin, end in ranges:
                yield batch.slice(offset, end - begin)
                offset += end - begin

    def _range(self, step: int, size: int, plan: Plan) -> tuple[int, int]:
        begin, end = plan.share(min(plan.batch_size, size - step * plan.batch_size))
        return step * plan.batch_size + begin, step * plan.batch_size + end

    def _shuffle(self, size: int, plan: Plan) -> Shuffle:
        return Shuffle(size, salt(plan.seed or 0, plan.epoch))

    def best_auc(self, split: Split) -> float | None:
        """The AUC of the true probabilities against the split's labels; None for a split with only one class."""
        return self._best(split)

    @functools.lru_cache(maxsize=3)  # noqa: B019  a data set lives as long as its process
    def _best(self, split: Split) -> float | None:
        size = self.size(split)
        blocks = [
            self.generated.labels(split, np.arange(begin, min(begin + BLOCK, size), dtype=np.int64))
            for begin in range(0, size, BLOCK)
        ]
        if not blocks:
            return None
        labels, probabilities = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return auc(labels, probabilities)

    def fingerprint(self) -> str:
        return self.generated.fingerprint
