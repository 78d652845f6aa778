"""A case's checkpoints as its training loop sees them (:class:`~wideload.harness.rank.loop.CheckpointHook`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from wideload.harness.checkpoints.checkpointer import Checkpointer
from wideload.harness.job.messages import Point
from wideload.harness.rank.loop import Measured
from wideload.harness.rank.progress import Progress


@dataclass(slots=True)
class CaseCheckpoints:
    """Keeps the state of a case with what its loop has measured.

    Attributes:
        points: evaluations so far; the case adds to them.
        seconds: of training before the case was interrupted.
        resumed: steps that were restored; 0 for a case from its beginning.
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
        """What was measured until the newest sound checkpoint, which is loaded; None without any. Collective."""
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
        """Makes sure that the last checkpoint is there. Collective."""
        self.checkpointer.settle()

    def counters(self) -> dict[str, float]:
        """For the record, by one rank."""
        if self.checkpointer.cluster.rank:
            return {}
        return self.checkpointer.tally.counters() | {"resumed_after_step": float(self.resumed)}
