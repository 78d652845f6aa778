"""The ceiling ``tower``: the dense tower of the workload on inputs kept in memory, forward, backward and update.

What a strategy needs beyond this - look-ups, their gradients, communication - is the price of being sparse and
distributed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, StepResult, Trainer
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.model.tower import DenseTower, Pass
from wideload.harness.model.wide_deep import BLOCK, first_example, loss_share
from wideload.harness.workload.workload import Workload

LEARNING_RATE = 0.05


class TowerTrainer(Trainer):
    """Trains the tower with AdaGrad; embeddings are constants."""

    def __init__(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> None:
        tower = DenseTower(workload.model, layout)
        flat = tf.Variable(tower.initial(workload.seed))
        accumulator = tf.Variable(tf.fill([tower.size], 0.1))
        seed, first = workload.seed, first_example(workload.batch_size, cluster.rank, cluster.ranks)

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator, unused-ignore]
        def step(inputs: tf.Tensor, label: tf.Tensor, size: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
            parameters = flat.read_value()
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(parameters)
                run = Pass(seed, number, tf.constant(first, tf.int64))
                logits, _ = tower.train(parameters, inputs, run)
                loss = loss_share(logits, label, size)
            tf.raw_ops.ResourceApplyAdagradV2(
                var=flat.handle,
                accum=accumulator.handle,
                lr=LEARNING_RATE,
                epsilon=1e-7,
                grad=tape.gradient(loss, parameters),
            )
            return loss

        self._step = step
        self._flat = flat
        self._steps = 0
        self._deep_width = layout.deep_width
        self._inputs: tuple[tf.Tensor, ...] = ()

    def step(self, batch: Batch) -> StepResult:
        if not self._inputs:
            deep = np.random.default_rng(0).normal(scale=0.05, size=(batch.size, self._deep_width)).astype(np.float32)
            width = self._deep_width + batch.dense.shape[1]
            inputs = np.pad(np.concatenate([deep, batch.dense], axis=1), ((0, 0), (0, -width % BLOCK)))
            arrays = (inputs, batch.label, np.int32(batch.global_size))
            self._inputs = tuple(tf.constant(array) for array in arrays)
        self._steps += 1
        return StepResult(float(self._step(*self._inputs, tf.constant(self._steps, tf.int64))))

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        """A ceiling is not evaluated."""
        return np.full(batch.size, 0.5, np.float32)

    def footprint(self) -> Footprint:
        size = int(self._flat.shape[0]) * 4
        return Footprint(weights=size, optimizer=size)

    def save(self, directory: Path) -> None:
        """Nothing to save."""

    def restore(self, directory: Path) -> None:
        """Nothing to load."""
