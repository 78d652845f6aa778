"""Trains with rank 1 made three times as slow, for so many seconds: slowed.py OPTIONS SECONDS OUT.

Its step is prolonged by twice what the step itself took, waiting for the server not counted. Ranks stop by the clock;
in the synchronous mode they agree on it first, since they take equally many steps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from wideload import datasets
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.workload.workload import Workload
from wideload.options import Spec
from wideload.strategies.sparse_ps.entry import SparsePs
from wideload.strategies.sparse_ps.options import SparsePsOptions

BATCHES = 20
WARM_UP = 10


def main(spec: str, seconds: float, out: Path) -> None:
    cluster = Cluster.world(threads=1)
    dataset = f"planted[vocabulary=100000,examples={BATCHES * 1024},test_examples=500]"
    workload = Workload(dataset=dataset, batch_size=1024, steps=BATCHES)
    options = Spec.parse(spec).options(SparsePsOptions)
    loaded = datasets.load(workload.dataset)
    adapter = FeatureColumnAdapter(workload.columns, loaded.schema(), "signs")
    trainer = SparsePs(options).build(workload, adapter.layout, cluster)
    batches = list(Feed(workload, loaded, adapter, cluster).train())

    def step(number: int) -> int:
        batch = batches[number % BATCHES]
        begin, waited = time.perf_counter(), sum(trainer.server.wait_seconds)
        trainer.step(batch)
        own = time.perf_counter() - begin - (sum(trainer.server.wait_seconds) - waited)
        if cluster.rank == 1:
            time.sleep(max(0.0, 2 * own))
        return batch.size

    for number in range(WARM_UP):
        step(number)
    trainer.finish()
    cluster.barrier()
    begin, examples, number = time.perf_counter(), 0, WARM_UP
    while not _over(cluster, options.mode == "sync", time.perf_counter() - begin > seconds):
        examples += step(number)
        number += 1
    trainer.finish()
    everyone = cluster.allgather((examples, number, dict(trainer.counters())))
    if cluster.rank == 0:
        staleness = [int(n.removeprefix("staleness_")) for _, _, c in everyone for n in c if "staleness_" in n and c[n]]
        steps = [steps - WARM_UP for _, steps, _ in everyone]
        rate = sum(examples for examples, _, _ in everyone) / (time.perf_counter() - begin)
        out.write_text(json.dumps({"rate": rate, "steps": steps, "stalest": int(np.max(staleness or [0]))}))
    trainer.close()


def _over(cluster: Cluster, together: bool, mine: bool) -> bool:
    return any(cluster.allgather(mine)) if together else mine


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
