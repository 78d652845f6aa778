"""The public name of :mod:`wideload.harness.contract`, for strategies outside of this repository."""

from wideload.harness.contract import (
    Availability,
    Footprint,
    Snapshot,
    StepResult,
    Strategy,
    Trainer,
    Written,
    require,
)

Cut = Snapshot
"""The old name."""

__all__ = ["Availability", "Cut", "Footprint", "Snapshot", "StepResult", "Strategy", "Trainer", "Written", "require"]
