"""Each collective of :class:`MpiCollectives` in one graph, against what mpi4py gathers; exits with 1 if any differs."""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.strategies.replicated.mpi_collectives import MpiCollectives

WIDTH = 3


def main() -> None:
    cluster = Cluster.world()
    collectives = MpiCollectives(cluster)
    draw = np.random.default_rng(cluster.rank)

    @tf.function
    def everything(vector: tf.Tensor, ids: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        twice = collectives.sum(collectives.sum(vector))
        (merged, sums), (one, ones) = collectives.sum_rows([(ids, rows), (ids[:1], rows[:1, :1])])
        return twice, collectives.gather(ids), collectives.gather(rows), merged, sums, one, ones

    for repeat in range(20):
        vector = draw.integers(0, 100, 1000 * (repeat % 3)).astype(np.float32)
        count = 0 if repeat % 5 == cluster.rank else int(draw.integers(1, 50))
        ids = draw.permutation(60)[:count].astype(np.int64)
        rows = draw.integers(0, 100, (count, WIDTH)).astype(np.float32)
        twice, all_ids, all_rows, merged, sums, one, ones = (
            tensor.numpy() for tensor in everything(tf.constant(vector), tf.constant(ids), tf.constant(rows))
        )
        gathered = cluster.allgather((vector, ids, rows))
        np.testing.assert_array_equal(twice, cluster.ranks * sum(vector for vector, _, _ in gathered))
        np.testing.assert_array_equal(all_ids, np.concatenate([ids for _, ids, _ in gathered]))
        np.testing.assert_array_equal(all_rows, np.concatenate([rows for _, _, rows in gathered]))
        check_rows(merged, sums, [(ids, rows) for _, ids, rows in gathered])
        check_rows(one, ones, [(ids[:1], rows[:1, :1]) for _, ids, rows in gathered])
    collectives.close()
    cluster.barrier()
    print("every collective is right")  # noqa: T201 - what the test looks for


def check_rows(ids: np.ndarray, sums: np.ndarray, given: list[tuple[np.ndarray, np.ndarray]]) -> None:
    expected: dict[int, np.ndarray] = {}
    for some, rows in given:
        for id_, row in zip(some.tolist(), rows, strict=True):
            expected[id_] = expected.get(id_, 0) + row
    assert sorted(ids.tolist()) == sorted(expected)
    for id_, row in zip(ids.tolist(), sums, strict=True):
        np.testing.assert_array_equal(row, expected[id_])


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.stderr.write(f"{error}\n")
        Cluster.world().comm.Abort(1)
