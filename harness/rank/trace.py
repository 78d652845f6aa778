"""A timeline of every step in Chrome's trace format, for ui.perfetto.dev; off by default.

Times are those of the rank's monotonic clock: the timelines of ranks on one host are aligned, those on different hosts
need not be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Trace:
    """Collects events in memory; :meth:`write` writes them to disk when the clock is stopped."""

    def __init__(self, rank: int, enabled: bool) -> None:
        self._rank = rank
        self._enabled = enabled
        self._events: list[dict[str, Any]] = []

    def step(self, step: int, begun: float, read: float, done: float, phases_ms: Mapping[str, float]) -> None:
        """Adds a step: input from ``begun`` to ``read``, then the strategy's phases in turn until ``done``."""
        if not self._enabled:
            return
        self._event(f"step {step}", begun, done - begun, step)
        self._event("input", begun, read - begun, step)
        at = read
        for phase, duration in phases_ms.items():
            self._event(phase, at, duration / 1000, step)
            at += duration / 1000

    def write(self, folder: Path) -> None:
        if self._enabled:
            path = folder / f"trace.{self._rank}.json"
            path.write_text(json.dumps({"traceEvents": self._events, "displayTimeUnit": "ms"}), encoding="utf-8")

    def _event(self, name: str, start: float, seconds: float, step: int) -> None:
        self._events.append(
            {
                "name": name,
                "ph": "X",
                "ts": start * 1e6,
                "dur": seconds * 1e6,
                "pid": self._rank,
                "tid": 0,
                "args": {"step": step},
            }
        )
