"""How often the cases of an experiment save checkpoints, and what one case must know about its own."""

from __future__ import annotations

from pydantic import Field

from wideload.harness.experiment.duration import Duration
from wideload.options import Options


class Checkpointing(Options):
    """The table ``[checkpoint]`` of an experiment. With ``every`` or ``seconds``, cases save checkpoints.

    A case that was interrupted then resumes from its last checkpoint when the experiment is run again, and a case that
    ends leaves one behind.

    Attributes:
        every: steps between two checkpoints; seconds: time between two; None: not by this measure.
        keep: checkpoints that stay.
        full_every: every n-th checkpoint is full; those between are increments, where the strategy has them.
        background: copy the state and write it in the background, while training continues, where the strategy offers
            it; needs the memory of the copy. Otherwise training waits.
        mirror: URL (``s3://...``, by an fsspec plugin) under which each case's checkpoints are copied, for a machine
            that does not come back; a case that has no checkpoint here resumes from there. None: no copy.
    """

    every: int | None = Field(default=None, ge=1)
    seconds: Duration | None = None
    keep: int = Field(default=2, ge=1)
    full_every: int = Field(default=1, ge=1)
    background: bool = True
    mirror: str | None = None


class Settings(Checkpointing):
    """The same for one case.

    Attributes:
        folder: of this case's checkpoints.
        mirror: URL of the copy of ``folder``.
    """

    folder: str = ""
