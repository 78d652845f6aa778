"""The learning rates over the steps: one factor on all of them, a pure function of the step.

::

    steps          0 ... warmup      ... begin          ... begin + steps     ... the last
    factor         climbs to 1       stays 1            falls to ``end``      stays ``end``

Every rank computes the factor from the step alone, so nothing is sent, and a run that resumes from a checkpoint
continues with the right one.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from wideload.options import Options


class Schedule(Options):
    """How the learning rates of all parts of the model change over training.

    Attributes:
        decay: how the factor falls: ``linear``, half a ``cosine`` wave, or ``exponential`` (by the same ratio at every
            step).
        begin: steps before the decay.
        steps: length of the decay.
        end: factor at its end and from then on.
        warmup: the factor climbs to 1 over so many steps, in equal parts.
    """

    decay: Literal["linear", "cosine", "exponential"] = "linear"
    begin: int = Field(default=0, ge=0)
    steps: int = Field(ge=1)
    end: float = Field(default=0.01, gt=0, le=1)
    warmup: int = Field(default=0, ge=0)

    def factor(self, step: int) -> float:
        """The factor on the learning rates in the training step that follows ``step`` others; above 0."""
        climbed = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        gone = min(1.0, max(0.0, (step - self.begin) / self.steps))
        return climbed * self._decayed(gone)

    def _decayed(self, gone: float) -> float:
        """The factor after this share of the decay."""
        if self.decay == "exponential":
            return float(self.end**gone)
        left = 1.0 - gone if self.decay == "linear" else (1.0 + math.cos(math.pi * gone)) / 2
        return self.end + (1.0 - self.end) * left
