"""What a case must know about its checkpoints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How often, and what is kept.

    Attributes:
        folder: of this case's checkpoints.
        every: steps between two; seconds: time between two; None: not by this measure.
        keep: checkpoints that stay.
        full_every: every n-th checkpoint is full; those between are increments, where the strategy has them.
        mirror: URL that holds a copy of the folder, for a machine that does not come back; None: no copy.
        background: copy what is to be written and go on, where the strategy offers it; else training waits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = ""
    every: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    keep: int = Field(default=2, ge=1)
    full_every: int = Field(default=1, ge=1)
    background: bool = True
    mirror: str | None = None
