"""Workloads that use every kind of column, batches for them that depend on the step alone, and a rank that trains them.

=========  =====================================================================================
``plain``  a tower of two layers; FTRL for the wide part, AdaGrad for the rest
``rich``   dropout, batch normalisation, penalties, other optimizers, a learning rate schedule
=========  =====================================================================================

Batches have weighted and multi-valued fields, empty bags, missing numbers and values that occur once. Every tenth
global batch has one example, so most ranks have an empty share of it.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wideload.datasets.contract import Field, Plan, Schema
from wideload.harness import workload as declared
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.encoder import Encoder, register
from wideload.harness.features.encoders import integers_of
from wideload.harness.features.layout import Batch
from wideload.harness.workload.columns import (
    Bucketised,
    Category,
    Columns,
    Crossed,
    Custom,
    Embedding,
    Hash,
    Identity,
    Initializer,
    Merged,
    Numeric,
    Pretrained,
    Sequence,
    Shared,
)
from wideload.harness.workload.learning_rate import Schedule
from wideload.options import Spec
from wideload.strategies import find

BATCH = 64
"""Examples of a global batch."""

SCHEMA = Schema(
    "label",
    (
        Field("price", "numeric", mean=10.0, std=2.0),
        Field("shop", "categorical", cardinality=50),
        Field("colour", "categorical", vocabulary=("red", "green", "blue")),
        Field("tags", "categorical", multi_valued=True, cardinality=30, weights="tag_weights"),
        Field("words", "categorical", multi_valued=True, vocabulary=("a", "b", "c")),
    ),
)


class Folded(Encoder):
    """A user's own encoder: ids modulo some number."""

    def __init__(self, field: Field, rows: int) -> None:  # noqa: ARG002 - as every encoder is made
        self.rows = self._count = rows

    def encode(self, values: Any) -> Any:
        return integers_of(values) % self._count


register("wideload_testing_folded", Folded)


def pretrained() -> Pretrained:
    """Vectors for every third shop, in a file to which every rank of a job writes the same."""
    path = Path(tempfile.gettempdir()) / f"wideload-pretrained-{os.getuid()}.npz"
    own = path.with_suffix(f".{os.getpid()}.npz")
    keys = np.arange(0, 60, 3)
    np.savez(own, key=keys, value=np.sin(np.outer(keys + 1, np.arange(1, 6))).astype(np.float32))
    own.replace(path)
    return Pretrained(path=str(path))


COLUMNS = Columns(
    auto=False,
    column=(
        Numeric(name="price"),
        Numeric(name="log_price", field="price", transform="log1p", clip=(1.0, 15.0), missing_indicator=True),
        Bucketised(name="price_bucket", field="price", boundaries=(8.0, 10.0, 12.0), embedding=Embedding(dimension=4)),
        Category(name="shop", encoder=Identity()),
        Category(name="colour", embedding=Embedding(combiner="sum")),
        Category(name="known", field="shop", embedding=Embedding(dimension=5, pretrained=pretrained())),
        Category(name="own", field="tags", encoder=Custom(name="wideload_testing_folded", options=(("rows", 11),))),
        Category(name="tags", embedding=Embedding(combiner="sqrtn")),
        Category(name="hashed", field="shop", encoder=Hash(buckets=13), embedding=None),
        Sequence(name="recent", field="tags", last=2, embedding=Embedding(initializer=Initializer(kind="normal"))),
        Crossed(name="cross", of=("shop", "words", "price_bucket"), buckets=500),
        Merged(name="letters", of=("colour", "words"), buckets=20),
        Shared(name="letter", of=("colour", "words"), wide=False, embedding=Embedding(dimension=3)),
    ),
)

MODELS = {
    "plain": declared.Model(hidden_units=(16, 8)),
    "rich": declared.Model(
        hidden_units=(16, 8),
        activation="elu",
        dropout=0.3,
        batch_norm=True,
        embedding_l2=0.01,
        dense_l1=1e-4,
        dense_l2=1e-3,
        wide_optimizer=declared.Sgd(learning_rate=0.1, momentum=0.5),
        deep_optimizer=declared.Adam(),
        dense_optimizer=declared.Adam(),
        schedule=Schedule(decay="cosine", begin=5, steps=20, end=0.1, warmup=4),
    ),
}


def make_workload(model: str = "plain", seed: int = 7, **changes: Any) -> declared.Workload:
    """The workload with one of :data:`MODELS`; its data set is not used."""
    return declared.Workload(
        dataset="census", columns=COLUMNS, model=MODELS[model], batch_size=BATCH, seed=seed, **changes
    )


@cache
def records(step: int, size: int) -> pa.RecordBatch:
    """A global batch; the last few values of every field are rare, some bags are empty."""
    draw = np.random.default_rng([step, size])
    lengths = draw.integers(0, 4, size)
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    tags = draw.integers(0, 30, splits[-1])
    words = pa.array(np.array(["a", "b", "c", "unknown"])[draw.integers(0, 4, splits[-1])])
    shop = np.minimum(draw.geometric(0.1, size), 49)
    price = draw.normal(10.0, 2.0, size).astype(np.float32)
    chance = 1 / (1 + np.exp(-(0.3 * (price - 10) + (shop % 3 - 1))))
    return pa.record_batch(
        {
            "label": (draw.random(size) < chance).astype(np.float32),
            "price": pa.array(price, mask=draw.random(size) < 0.05),
            "shop": shop.astype(np.int64),
            "colour": pa.array(np.array(["red", "green", "blue", "mauve"])[draw.integers(0, 4, size)]),
            "tags": pa.ListArray.from_arrays(splits, tags),
            "tag_weights": pa.ListArray.from_arrays(splits, draw.random(splits[-1]).astype(np.float32)),
            "words": pa.ListArray.from_arrays(splits, words),
        }
    )


def share_of(batch: pa.RecordBatch, cluster: Cluster) -> pa.RecordBatch:
    """The part of a global batch that is this rank's."""
    begin, end = Plan(batch.num_rows, cluster.rank, cluster.ranks).share(batch.num_rows)
    return batch.slice(begin, end - begin)


class OneRank:
    """A strategy's trainer on this rank, with the adapter that makes its batches.

    Args:
        spec: ``name[option=value]`` of the strategy.
        model: ``plain`` or ``rich``.
        seed: of the workload.
        cluster: None: MPI's world.
        rows: pads every batch to so many rows; None: no padding.

    Attributes:
        trainer: what ``Strategy.build`` has made.
        steps: global batches trained by :meth:`train`; may be set, to continue elsewhere.
    """

    def __init__(
        self, spec: str, model: str = "plain", seed: int = 7, cluster: Cluster | None = None, rows: int | None = None
    ) -> None:
        parsed = Spec.parse(spec)
        strategy = find(parsed.name)
        self.cluster = cluster or Cluster.world(1)
        self.workload = make_workload(model, seed)
        self.adapter = FeatureColumnAdapter(COLUMNS, SCHEMA, strategy.keys)
        self.adapter.check_across(self.cluster)
        self.trainer = strategy(parsed.options(strategy.Options)).build(
            self.workload, self.adapter.layout, self.cluster
        )
        self.steps = 0
        self.rows = rows

    def batch(self, step: int, size: int = BATCH) -> Batch:
        """This rank's share of the global batch of a step."""
        batch = self.adapter.transform(share_of(records(step, size), self.cluster), global_size=size)
        return batch if self.rows is None else batch.padded(self.rows, self.adapter.layout.slots)

    def empty(self) -> Batch:
        """An empty share of a full global batch."""
        return self.adapter.transform(records(0, BATCH).slice(0, 0), global_size=BATCH)

    def train(self, steps: int) -> list[float]:
        """This rank's losses; every tenth global batch is too short for all ranks to get a part."""
        found = []
        for _ in range(steps):
            size = 1 if self.steps % 10 == 9 else BATCH
            found.append(self.trainer.step(self.batch(self.steps, size)).loss)
            self.steps += 1
        return found
