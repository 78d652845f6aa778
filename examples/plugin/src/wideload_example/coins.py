"""``coins``: which of many unfair coins was thrown, and what it showed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field as Bounded

from wideload.datasets.contract import Dataset, Field, Plan, Schema, Split
from wideload.options import Options


class CoinsOptions(Options):
    coins: int = Bounded(default=100, ge=2)
    throws: int = Bounded(default=10_000, ge=1)


class Coins(Dataset):
    name: ClassVar[str] = "coins"
    summary: ClassVar[str] = "unfair coins, thrown"
    Options: ClassVar[type[Options]] = CoinsOptions

    def schema(self) -> Schema:
        return Schema("heads", (Field("coin", "categorical", cardinality=self.options.coins), Field("wind", "numeric")))

    def size(self, split: Split) -> int:
        return {"train": self.options.throws, "test": self.options.throws // 5}.get(split, 0)

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        coin, wind, heads = self._throw(split)
        order = np.arange(len(coin))
        if plan.seed is not None:
            order = np.random.default_rng((plan.seed, plan.epoch)).permutation(len(coin))
        for number in range(plan.start, plan.batches(len(coin))):
            batch = order[number * plan.batch_size : (number + 1) * plan.batch_size]
            begin, end = plan.share(len(batch))
            mine = batch[begin:end]
            yield pa.RecordBatch.from_pydict({"heads": heads[mine], "coin": coin[mine], "wind": wind[mine]})

    def fingerprint(self) -> str:
        return f"{self.options.coins:08x}{self.options.throws:08x}"

    def _throw(self, split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng({"train": 1, "validation": 2, "test": 3}[split])
        count = self.size(split)
        coin = random.integers(0, self.options.coins, count)
        wind = random.normal(size=count).astype(np.float32)
        bias = np.linspace(0.05, 0.95, self.options.coins)[coin]
        return coin, wind, (random.random(count) < bias).astype(np.float32)
