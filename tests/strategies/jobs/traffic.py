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

from wideload.harness.model.tower import DenseTower
from wideload.testing.workload import BATCH, OneRank


def main(spec: str, steps: int, out: Path) -> None:
    job = OneRank(spec)
    tables = job.adapter.layout.tables
    batches = [job.batch(step, BATCH) for step in range(steps)]
    ids = [[np.unique(batch.values_of(table)).tolist() for table in tables] for batch in batches]
    for batch in batches:
        job.trainer.step(batch)
        job.trainer.predict(batch)  # is not counted
    own: Any = {"counters": dict(job.trainer.counters()), "ids": ids}
    ranks = job.cluster.allgather(own)
    if job.cluster.rank == 0:
        tower = DenseTower(job.workload.model, job.adapter.layout).size
        out.write_text(json.dumps({"ranks": ranks, "widths": [table.width for table in tables], "tower": tower}))
    job.trainer.close()


main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
