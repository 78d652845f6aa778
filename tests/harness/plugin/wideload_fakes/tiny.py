"""A data set of a few thousand examples whose labels follow one categorical and one numeric field."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from wideload.datasets.contract import Dataset, Field, Plan, Schema, Split
from wideload.options import Options

CARDINALITY = 20


class TinyOptions(Options):
    examples: int = 4000
    test_examples: int = 1000


class Tiny(Dataset):
    name = "tiny"
    summary = "one id and one number"
    Options = TinyOptions

    def schema(self) -> Schema:
        return Schema("click", (Field("id", "categorical", cardinality=CARDINALITY), Field("number", "numeric")))

    def size(self, split: Split) -> int:
        return {"train": self.options.examples, "test": self.options.test_examples}.get(split, 0)

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        ids, numbers, labels = self._columns(split)
        order = np.arange(len(ids))
        if plan.seed is not None:
            order = np.random.default_rng((plan.seed, plan.epoch)).permutation(len(ids))
        for number in range(plan.start, plan.batches(len(ids))):
            rows = order[number * plan.batch_size : (number + 1) * plan.batch_size]
            begin, end = plan.share(len(rows))
            mine = rows[begin:end]
            yield pa.RecordBatch.from_pydict({"click": labels[mine], "id": ids[mine], "number": numbers[mine]})

    def fingerprint(self) -> str:
        return f"{self.options.examples:08x}{self.options.test_examples:08x}"

    def _columns(self, split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng({"train": 1, "validation": 2, "test": 3}[split])
        ids = random.integers(0, CARDINALITY, self.size(split))
        numbers = random.normal(size=len(ids)).astype(np.float32)
        logits = numbers + (ids - CARDINALITY / 2) / 4
        labels = (random.random(len(ids)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
        return ids.astype(np.int64), numbers, labels
