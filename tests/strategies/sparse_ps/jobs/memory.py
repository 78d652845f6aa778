"""Touches ever more rows and looks at what that costs each rank: memory.py VOCABULARY ROWS OUT.

::

    a step on one value a slot    the graph is traced, MPI has its buffers: what a rank costs without rows
    steps on random values        until every rank's table has ROWS rows

The values are drawn from VOCABULARY a slot, evenly: hardly one comes twice, which no real data does, so that rows are
made as fast as they can be.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from wideload import datasets
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.job.memory_sampler import pss_bytes
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload
from wideload.hashing import signs
from wideload.strategies.sparse_ps.entry import SparsePs
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.trainer import SparsePsTrainer

SHARE = 2048
"""Examples a rank and step: more rows at once would hide the table behind the buffers of a batch."""


@dataclass(frozen=True)
class Cost:
    """One rank's memory at one moment, in bytes; ``owned`` is what its table says of itself."""

    resident: int
    proportional: int
    rows: int
    owned: dict[str, int]

    @classmethod
    def of(cls, trainer: SparsePsTrainer) -> Cost:
        (table,) = trainer.server.tables
        here = psutil.Process()
        return cls(here.memory_info().rss, pss_bytes(here.pid) or 0, len(table), dict(table.memory()))


class Values:
    """Batches of this rank: ``one()`` value a slot, or random ones."""

    def __init__(self, layout: BatchLayout, vocabulary: int, cluster: Cluster) -> None:
        (self._table,) = layout.tables
        self._dense_width = layout.dense_width
        self._vocabulary = vocabulary
        self._random = np.random.default_rng(cluster.rank)
        self._global_size = SHARE * cluster.ranks

    def one(self) -> Batch:
        return self._batch(1)

    def random(self) -> Batch:
        return self._batch(self._vocabulary)

    def _batch(self, vocabulary: int) -> Batch:
        slots = self._table.slots
        ids = self._random.integers(0, vocabulary, (len(slots), SHARE))
        return Batch(
            label=self._random.integers(0, 2, SHARE).astype(np.float32),
            dense=np.zeros((SHARE, self._dense_width), np.float32),
            values=np.concatenate([signs(slot.salt, values) for slot, values in zip(slots, ids, strict=True)]),
            row_splits=np.arange(len(slots) * SHARE + 1, dtype=np.int32),
            weights=None,
            global_size=self._global_size,
        )


def main(vocabulary: int, rows: int, out: Path) -> None:
    cluster = Cluster.world(threads=1)
    workload = Workload(
        dataset=f"planted[vocabulary={vocabulary}]",
        model=Model(hidden_units=(16,)),
        batch_size=SHARE * cluster.ranks,
    )
    adapter = FeatureColumnAdapter(workload.columns, datasets.load(workload.dataset).schema(), "signs")
    trainer = SparsePs(SparsePsOptions()).build(workload, adapter.layout, cluster)
    assert isinstance(trainer, SparsePsTrainer)
    values = Values(adapter.layout, vocabulary, cluster)
    trainer.step(values.one())
    trainer.finish()
    before = Cost.of(trainer)
    (table,) = trainer.server.tables
    while min(cluster.allgather(len(table))) < rows:
        trainer.step(values.random())
    trainer.finish()
    costs = cluster.allgather({"before": asdict(before), "after": asdict(Cost.of(trainer))})
    if cluster.rank == 0:
        out.write_text(json.dumps(costs))
    trainer.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
