"""Logistic regression over MPI in NumPy: really trains, really sums gradients over the ranks, starts in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Footprint, StepResult, Strategy, Trainer
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.workload.workload import Workload
from wideload.options import Options

RATE = 0.5


class LogisticTrainer(Trainer):
    averaged = True
    rate = RATE

    def __init__(self, layout: BatchLayout, cluster: Cluster, delay: float = 0.0) -> None:
        self.cluster = cluster
        self.slots = layout.slots
        self.delay = delay
        rows = max((table.rows or 0 for table in layout.tables), default=0)
        self.weights = np.zeros(rows + layout.dense_width + 1)
        self.rows = rows

    def _features(self, batch: Batch) -> npt.NDArray[np.float64]:
        features = np.zeros((batch.size, len(self.weights)))
        if batch.size:
            ids = batch.values.reshape(self.slots, batch.size)
            for slot in ids:
                features[np.arange(batch.size), slot] += 1
            features[:, self.rows : -1] = batch.dense
            features[:, -1] = 1
        return features

    def step(self, batch: Batch) -> StepResult:
        features = self._features(batch)
        probability = 1 / (1 + np.exp(-features @ self.weights))
        clipped = np.clip(probability, 1e-9, 1 - 1e-9)
        losses = -(batch.label * np.log(clipped) + (1 - batch.label) * np.log(1 - clipped))
        gradient = features.T @ (probability - batch.label) / batch.global_size
        if self.averaged:
            gradient = self.cluster.comm.allreduce(gradient)
        else:
            self.cluster.barrier()
        self.weights -= self.rate * gradient
        self.wait()
        return StepResult(float(losses.sum() / batch.global_size), {"compute": 1.0})

    def wait(self) -> None:
        """Room for a delay."""

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        return (1 / (1 + np.exp(-self._features(batch) @ self.weights))).astype(np.float32)

    def footprint(self) -> Footprint:
        return Footprint(weights=self.weights.nbytes)

    def counters(self) -> dict[str, float]:
        return {"wire_bytes": float(self.weights.nbytes)}

    def save(self, directory: Path) -> None:
        np.save(directory / "weights.npy", self.weights)

    def restore(self, directory: Path) -> None:
        self.weights = np.load(directory / "weights.npy")


class Logistic(Strategy):
    name = "logistic"
    summary = "logistic regression with summed gradients"
    keys = "ids"

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        return LogisticTrainer(layout, cluster)


class LogisticAlone(Logistic):
    """One process, the reference."""

    name = "logistic_alone"
    distributed = False


class NotAveragedTrainer(LogisticTrainer):
    averaged = False


class NotAveraged(Strategy):
    name = "not_averaged"
    summary = "forgets to sum the gradients over the ranks"
    keys = "ids"

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        return NotAveragedTrainer(layout, cluster)


class HastyTrainer(LogisticTrainer):
    rate = 2 * RATE


class Hasty(Logistic):
    """The same with the learning rate doubled."""

    name = "hasty"

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        return HastyTrainer(layout, cluster)


class NotInstalled(Logistic):
    name = "not_installed"

    @classmethod
    def availability(cls) -> Availability:
        return Availability(False, "the library is absent: pip install library")


__all__ = ["Hasty", "Logistic", "LogisticAlone", "NotAveraged", "NotInstalled", "Options"]
