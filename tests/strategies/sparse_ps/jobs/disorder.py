"""Ranks that call ops in different order: rank 0 pulls for step 0, rank 1 adds a vector over the ranks. Prints what
each rank is told."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from wideload import _native, ops
from wideload.harness.cluster import Cluster
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.server import PsCluster


def main() -> None:
    cluster = Cluster.world(threads=1)
    table = _native.SparseTable("t", [_native.Slice("deep", 2)])
    options = SparsePsOptions(timeout=1)
    server = PsCluster([table], np.zeros(3, np.float32), [(3, _native.Sgd())], cluster, options, {})
    try:
        if cluster.rank == 0:
            ops.sparse_table_pull(server.id, tf.constant(0, tf.int64), [tf.range(64, dtype=tf.int64)], widths=[2])
        else:
            ops.sum_over_ranks(server.id, tf.ones([4]))
    except tf.errors.AbortedError as error:
        print(f"rank {cluster.rank} was told: {error.message}")
    server.close()


if __name__ == "__main__":
    main()
