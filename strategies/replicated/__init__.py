"""A trainer whose ranks each hold a copy of the model. Strategies differ in how gradients travel between the ranks.

The names below load TensorFlow on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload.registry import loaded_on_use

if TYPE_CHECKING:
    from wideload.strategies.replicated.collectives import Collectives as Collectives
    from wideload.strategies.replicated.trainer import ReplicatedTrainer as ReplicatedTrainer

_LAZY = {
    "Collectives": "wideload.strategies.replicated.collectives",
    "ReplicatedTrainer": "wideload.strategies.replicated.trainer",
}

__all__ = ["Collectives", "ReplicatedTrainer"]

__getattr__ = loaded_on_use(__name__, _LAZY)
