"""One trainer whose ranks each hold a copy of the model; what differs is how gradients travel between them.

The names below load TensorFlow on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wideload.strategies.replicated.collectives import Collectives as Collectives
    from wideload.strategies.replicated.trainer import ReplicatedTrainer as ReplicatedTrainer

_LAZY = {
    "Collectives": "wideload.strategies.replicated.collectives",
    "ReplicatedTrainer": "wideload.strategies.replicated.trainer",
}

__all__ = ["Collectives", "ReplicatedTrainer"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
