"""Trains a small planted workload under sparse_ps and writes what it saw: train.py OPTIONS STEPS OUT [SLOW_RANK]."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from wideload import datasets
from wideload.datasets.contract import Plan
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload
from wideload.options import Spec
from wideload.strategies.sparse_ps.entry import SparsePs
from wideload.strategies.sparse_ps.options import SparsePsOptions

BATCH = 240  # divides by 1, 2, 3 and 4 ranks; a last batch of 100 does not


def main(spec: str, steps: int, out: Path, slow_rank: int | None) -> None:
    cluster = Cluster.world(threads=1)
    workload = Workload(
        dataset="planted[slots=5,vocabulary=300,numeric=2,examples=4900,test_examples=500]",
        model=Model(hidden_units=(16,)),
        batch_size=BATCH,
    )
    dataset = datasets.load(workload.dataset)
    adapter = FeatureColumnAdapter(workload.columns, dataset.schema(), "signs")
    trainer = SparsePs(Spec.parse(spec).options(SparsePsOptions)).build(workload, adapter.layout, cluster)
    batches = []
    for epoch in range(-(-steps // 21)):
        plan = Plan(BATCH, cluster.rank, cluster.ranks, seed=1, epoch=epoch)
        for index, records in enumerate(dataset.stream("train", plan)):
            batches.append(adapter.transform(records, global_size=min(BATCH, 4900 - index * BATCH)))
    losses = []
    for step in range(steps):
        if step + 1 < len(batches):
            trainer.prefetch(batches[step + 1])
        losses.append(trainer.step(batches[step]).loss)
        if cluster.rank == slow_rank:
            time.sleep(0.01)
    trainer.finish()
    cluster.barrier()
    everyone = cluster.allgather(losses)
    counters = cluster.allgather(dict(trainer.counters()))
    if cluster.rank == 0:
        totals = {name: sum(one.get(name, 0) for one in counters) for name in sorted({n for c in counters for n in c})}
        found = {"losses": [sum(parts) for parts in zip(*everyone, strict=True)], "counters": totals}
        out.write_text(json.dumps(found))
    trainer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else None)
