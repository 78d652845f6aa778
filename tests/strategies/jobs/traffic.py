"""Trains and leaves behind what each rank counted: ``traffic.py STRATEGY STEPS OUT``.

Also what the formulas need: of each rank, the distinct ids that it used in every step, per table; the widths of the
rows; and the number of the tower's parameters.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from wideload.harness.features.layout import Batch, TableLayout
from wideload.harness.model.tower import DenseTower
from wideload.testing.workload import BATCH, OneRank


def used(batch: Batch, table: TableLayout) -> list[int]:
    """The distinct ids of one table in a batch."""
    first = table.first_slot * batch.size
    begin, end = batch.row_splits[[first, first + len(table.slots) * batch.size]]
    distinct: list[int] = np.unique(batch.values[begin:end]).tolist()
    return distinct


def main(spec: str, steps: int, out: Path) -> None:
    job = OneRank(spec)
    tables = job.adapter.layout.tables
    ids = [[used(job.batch(step, BATCH), table) for table in tables] for step in range(steps)]
    for step in range(steps):
        job.trainer.step(job.batch(step, BATCH))
        job.trainer.predict(job.batch(step, BATCH))  # is not counted
    own: Any = {"counters": dict(job.trainer.counters()), "ids": ids}
    ranks = job.cluster.allgather(own)
    if job.cluster.rank == 0:
        tower = DenseTower(job.workload.model, job.adapter.layout).size
        out.write_text(json.dumps({"ranks": ranks, "widths": [table.width for table in tables], "tower": tower}))
    job.trainer.close()


main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
