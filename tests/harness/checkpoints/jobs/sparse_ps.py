"""Trains, saves or restores models one after the other: sparse_ps.py FOLDER MODELS OUT, on any number of ranks.

MODELS is a JSON object from the name of a model to its actions, strategy and optimizer. Actions, joined by commas:
``train:N``, ``save:NAME``, ``increment:NAME:SINCE``, ``restore:NAME``, ``put:NAME``, ``erase``. Writes the losses and
predictions of each, over all ranks.
"""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wideload import _native, datasets
from wideload.datasets.contract import Plan
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch
from wideload.harness.workload.model import Model
from wideload.harness.workload.optimizers import Adam, Sgd
from wideload.harness.workload.workload import Workload
from wideload.options import Spec
from wideload.strategies import find

BATCH, EXAMPLES = 120, 2400
MODELS = {
    "usual": Model(hidden_units=(8,)),
    "other": Model(
        hidden_units=(8,),
        batch_norm=True,
        wide_optimizer=Sgd(momentum=0.9),
        deep_optimizer=Adam(),
        dense_optimizer=Adam(),
    ),
}


class Session:
    """One rank, and where it is in its batches."""

    def __init__(self, folder: Path, strategy: str, optimizer: str) -> None:
        self.folder = folder
        self.cluster = Cluster.world(threads=1)
        data = f"planted[slots=4,vocabulary=200,numeric=2,examples={EXAMPLES},test_examples=300]"
        workload = Workload(dataset=data, model=MODELS[optimizer], batch_size=BATCH)
        dataset = datasets.load(workload.dataset)
        spec = Spec.parse(strategy)
        kind = find(spec.name)
        self.adapter = FeatureColumnAdapter(workload.columns, dataset.schema(), kind.keys)
        self.trainer: Any = kind(spec.options(kind.Options)).build(workload, self.adapter.layout, self.cluster)
        self.trainer.track()
        plan = Plan(BATCH, self.cluster.rank, self.cluster.ranks, seed=1)
        self.batches = [self._compiled(records) for records in dataset.stream("train", plan)]
        held_out = Plan(300, self.cluster.rank, self.cluster.ranks)
        (self.test,) = [self._compiled(records) for records in dataset.stream("test", held_out)]
        self.step = 0
        self.losses: list[float] = []

    def _compiled(self, records: Any) -> Batch:
        return self.adapter.transform(records, global_size=BATCH)

    def place(self, name: str) -> Path:
        path = self.folder / name
        if self.cluster.rank == 0:
            path.mkdir(exist_ok=True)
        self.cluster.barrier()
        return path

    def act(self, action: str) -> None:
        name, _, rest = action.partition(":")
        getattr(self, name)(*rest.split(":") if rest else ())

    def train(self, steps: str) -> None:
        for _ in range(int(steps)):
            batch = self.batches[self.step % len(self.batches)]
            self.losses.append(sum(self.cluster.allgather(self.trainer.step(batch).loss)))
            self.step += 1

    def save(self, name: str) -> None:
        self.trainer.save(self.place(name))

    def increment(self, name: str, since: str) -> None:
        self.trainer.save_increment(self.place(name), int(since))

    def restore(self, name: str) -> None:
        self.trainer.restore(self.folder / name)
        self.step = getattr(self.trainer, "_step", None) or self.trainer._steps

    def put(self, name: str) -> None:
        self.trainer.restore_increment(self.folder / name)
        self.step = getattr(self.trainer, "_step", None) or self.trainer._steps

    def erase(self) -> None:
        """Drops every third row, as an eviction would."""
        self.trainer.finish()
        self.cluster.barrier()
        for table in self.trainer.server.tables:
            signs = table.export_rows()["signs"]
            table.erase(np.sort(signs)[::3])
        self.cluster.barrier()

    def rows(self) -> int:
        if not hasattr(self.trainer, "server"):
            return 0
        counted = self.cluster.allgather(sum(len(table) for table in self.trainer.server.tables))
        return sum(counted)


def lived(folder: Path, actions: str, strategy: str, optimizer: str) -> dict[str, Any]:
    """What became of one model."""
    session = Session(folder, strategy, optimizer)
    for action in actions.split(","):
        session.act(action)
    session.trainer.finish()
    session.cluster.barrier()
    predicted = session.cluster.allgather(session.trainer.predict(session.test).tolist())
    found = {"losses": session.losses, "predicted": list(chain(*predicted)), "rows": session.rows()}
    session.trainer.close()
    return found


def main(folder: Path, models: dict[str, list[str]], out: Path) -> None:
    found = {name: lived(folder, *model) for name, model in models.items()}
    if Cluster.world(threads=1).rank == 0:
        out.write_text(json.dumps(found))


if __name__ == "__main__":
    assert _native.SHARDS == 256
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3]))
