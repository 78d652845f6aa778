"""Durations in the form ``90s``, ``10m``, ``1h30m``; stored in seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def seconds(text: str) -> float:
    """Reads ``90s``, ``10m``, ``1h30m``.

    Raises:
        ValueError: the text is not a duration.
    """
    compact = text.replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is not a duration: write 90s, 10m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _parse(value: Any) -> Any:
    return seconds(value) if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_parse), Field(gt=0)]
"""A pydantic field in seconds that also reads the written forms."""
