"""Ranks that declare different things: disagree.py WHAT. Prints what each rank is told."""

from __future__ import annotations

import sys

from wideload.errors import ClusterError
from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import BatchLayout, SlotLayout, TableLayout
from wideload.harness.workload.columns import Initializer
from wideload.harness.workload.workload import Workload
from wideload.strategies.sparse_ps.entry import SparsePs
from wideload.strategies.sparse_ps.options import SparsePsOptions


def main(what: str) -> None:
    cluster = Cluster.world(threads=1)
    odd = cluster.rank == 1
    dim = 16 if what == "dimension" and odd else 8
    slot = SlotLayout("colour", "mean", None, 0)
    table = TableLayout("wide8", 1, dim, 0, (slot,), Initializer())
    workload = Workload(dataset="census", seed=2 if what == "seed" and odd else 1)
    options = SparsePsOptions(wire="fp16" if what == "wire" and odd else "fp32")
    try:
        SparsePs(options).build(workload, BatchLayout((table,), 0), cluster)
    except ClusterError as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
