"""A case's checkpoints as its training loop sees them (:class:`~wideload.harness.rank.loop.CheckpointHook`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from wideload.harness.checkpoints.checkpointer import Checkpointer
from wideload.harness.job.messages import Point
from wideload.harness.rank.loop import Measured
from wideload.harness.rank.progress import Progress


@dataclass(slots=True)
class CaseCheckpoints:
    """Saves the state of a case together with what its loop has measured.

    Attributes:
        points: evaluations so far; the case appends to them.
        seconds: of training before the interruption.
        resumed: step of the checkpoint that was restored; 0 for a case that started from the beginning.
    """

    checkpointer: Checkpointer
    points: list[Point] = field(default_factory=list)
    seconds: float = 0.0
    resumed: int = 0

    def due(self, step: int) -> bool:
        return self.checkpointer.due(step)

    def take(self, measured: Measured, training_seconds: float) -> None:
        points = [point.model_dump() for point in self.points]
        progress = Progress.of(measured, points, self.seconds + training_seconds)
        self.checkpointer.take(measured.steps, progress.writer(self.checkpointer.cluster.rank))

    def resume(self) -> Measured | None:
        """Loads the newest intact checkpoint; returns what had been measured by then, None without one. Collective."""
        newest = self.checkpointer.resume()
        if newest is None:
            return None
        progress = Progress.read(newest, self.checkpointer.cluster.rank)
        self.points += [Point.model_validate(point) for point in progress.points]
        self.seconds = progress.seconds
        measured = progress.measured()
        self.resumed = measured.steps
        return measured

    def settle(self) -> None:
        """Waits until the last checkpoint is complete. Collective."""
        self.checkpointer.settle()

    def counters(self) -> dict[str, float]:
        """Counters for the record; only rank 0 has any."""
        if self.checkpointer.cluster.rank:
            return {}
        return self.checkpointer.tally.counters() | {"resumed_after_step": float(self.resumed)}
