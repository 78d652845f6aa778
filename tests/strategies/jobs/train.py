"""Trains and leaves the global losses behind: ``train.py STRATEGY OUT WORKLOAD=STEPS...``.

A workload is ``census``, one of ``wideload.testing.workload.MODELS``, ``padded``: rich, with padding in every batch,
``broken``: plain, with gradients that are not summed; or ``late``: plain, begun by the other ranks when rank 0 is done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.harness.cluster import Cluster
from wideload.harness.experiment import experiment
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch
from wideload.options import Spec
from wideload.strategies import find
from wideload.testing import workload as everything

CENSUS = Path(__file__).parents[3] / "experiments" / "census.toml"


def census(spec: str, steps: int, cluster: Cluster) -> list[float]:
    workload = experiment.load(CENSUS).workload
    dataset = load(workload.dataset)
    parsed = Spec.parse(spec)
    strategy = find(parsed.name)
    adapter = FeatureColumnAdapter(workload.columns, dataset.schema(), strategy.keys)
    trainer = strategy(parsed.options(strategy.Options)).build(workload, adapter.layout, cluster)

    def batches() -> Iterator[Batch]:
        for epoch in count():
            plan = Plan(workload.batch_size, cluster.rank, cluster.ranks, workload.seed, epoch, last="drop")
            for records in dataset.stream("train", plan):
                yield adapter.transform(records, global_size=workload.batch_size)

    losses = [trainer.step(batch).loss for batch in islice(batches(), steps)]
    trainer.close()
    return losses


def synthetic(spec: str, model: str, steps: int, cluster: Cluster, rows: int | None = None) -> list[float]:
    job = everything.OneRank(spec, model, cluster=cluster, rows=rows)
    losses = job.train(steps)
    job.trainer.close()
    return losses


def late(spec: str, steps: int, cluster: Cluster) -> list[float]:
    job = everything.OneRank(spec, cluster=cluster)
    if cluster.rank > 0:
        cluster.comm.recv(source=0)
    losses = job.train(steps)
    for other in range(1, cluster.ranks) if cluster.rank == 0 else ():
        cluster.comm.send(None, dest=other)
    job.trainer.close()
    return losses


def break_gradients() -> None:
    """Every rank keeps its own part of the dense gradient."""
    from wideload.strategies.replicated.horovod_collectives import HorovodCollectives

    def keep(self: Any, vector: Any) -> Any:
        return vector

    HorovodCollectives.sum = keep  # type: ignore[method-assign]


def losses(spec: str, what: str, steps: int, cluster: Cluster) -> list[float]:
    if what == "census":
        return census(spec, steps, cluster)
    if what == "late":
        return late(spec, steps, cluster)
    if what == "padded":
        return synthetic(spec, "rich", steps, cluster, rows=64)
    if what == "broken":
        break_gradients()
    return synthetic(spec, "plain" if what == "broken" else what, steps, cluster)


def main() -> None:
    spec, out, *wanted = sys.argv[1:]
    cluster = Cluster.world(1)
    found = {}
    for what, steps in (one.split("=") for one in wanted):
        found[what] = np.sum(cluster.allgather(losses(spec, what, int(steps), cluster)), axis=0)
    if cluster.rank == 0:
        np.savez(out, **found)


main()
