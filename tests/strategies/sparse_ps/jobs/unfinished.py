"""Ops that are called wrongly, a step that is not finished, and look-ups while others train. Prints what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from wideload import _native, ops
from wideload.harness.cluster import Cluster
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.server import PsCluster

SIGNS = tf.range(64, dtype=tf.int64)
UNTRAINED = tf.range(1000, 1064, dtype=tf.int64)


def main() -> None:
    cluster = Cluster.world(threads=1)
    table = _native.SparseTable("t", [_native.Slice("deep", 2)])
    options = SparsePsOptions(timeout=30)
    server = PsCluster([table], np.zeros(3, np.float32), [(3, _native.Sgd())], cluster, options, {})
    if cluster.rank == 0:
        refused("a step of two", lambda: ops.sparse_table_pull(server.id, tf.zeros([2], tf.int64), [SIGNS], widths=[2]))
        refused("a wrong width", lambda: ops.sparse_table_read(server.id, [SIGNS], widths=[3]))
    train(server, 0, finish=cluster.rank == 0)
    expected = _native.initial_rows("t", [_native.Slice("deep", 2)], UNTRAINED.numpy())
    wrong: list[object] = []
    done = threading.Event()
    readers = [threading.Thread(target=look_up, args=(server, expected, done, wrong)) for _ in range(4)]
    for reader in readers:
        reader.start()
    for step in range(1, 30):
        train(server, step, finish=True)
    done.set()
    for reader in readers:
        reader.join()
    print(f"rank {cluster.rank} trained 29 steps, wrong answers: {wrong}")
    server.close()


def refused(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except tf.errors.InvalidArgumentError as error:
        print(f"{what} was refused: {error.message}")


def train(server: PsCluster, step: int, *, finish: bool) -> None:
    pulled = ops.sparse_table_pull(server.id, tf.constant(step, tf.int64), [SIGNS], widths=[2])
    if finish:
        ops.sparse_table_push(server.id, tf.constant(step, tf.int64), [tf.ones_like(pulled.rows[0])], tf.ones([3]))
    else:
        server.abandon(step)


def look_up(server: PsCluster, expected: object, done: threading.Event, wrong: list[object]) -> None:
    while not done.is_set():
        read = ops.sparse_table_read(server.id, [UNTRAINED], widths=[2])
        if not np.array_equal(read.rows[0].numpy()[read.inverse[0].numpy()], expected):
            wrong.append(read.rows[0].numpy())
            return


if __name__ == "__main__":
    main()
