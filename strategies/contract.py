"""The public name of :mod:`wideload.harness.contract`, for strategies outside of this repository."""

from wideload.harness.contract import (
    Availability,
    Cut,
    Footprint,
    StepResult,
    Strategy,
    Trainer,
    Written,
    require,
)

__all__ = ["Availability", "Cut", "Footprint", "StepResult", "Strategy", "Trainer", "Written", "require"]
