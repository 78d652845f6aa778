"""What the checkpoints of a case cost, for its record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What checkpoints cost on one rank.

    Attributes:
        taken: checkpoints written; failed: checkpoints given up.
        pause_seconds: how long training has paused for them in all; longest_pause: for one of them.
        write_seconds: spent on writing in the background.
        bytes: size of all that were written; counted by rank 0 alone.
    """

    taken: int = 0
    failed: int = 0
    pause_seconds: float = 0.0
    longest_pause: float = 0.0
    write_seconds: float = 0.0
    bytes: int = 0

    def pause(self, seconds: float) -> None:
        """Adds one pause of training."""
        self.pause_seconds += seconds
        self.longest_pause = max(self.longest_pause, seconds)

    def counters(self) -> dict[str, float]:
        """For the record."""
        return {
            "checkpoints": float(self.taken),
            "checkpoints_given_up": float(self.failed),
            "checkpoint_bytes": float(self.bytes),
            "checkpoint_pause_seconds": self.pause_seconds,
            "checkpoint_longest_pause_seconds": self.longest_pause,
            "checkpoint_write_seconds": self.write_seconds,
        }
