"""Numbers as people read them: three significant digits, a unit, and a dash where nothing was measured."""

from __future__ import annotations

import math

MISSING = "–"

_DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def digits(value: float, count: int = 3) -> str:
    """``value`` to ``count`` significant digits, never in exponent form between 1e-4 and 1e6."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{count - 1}e}")
    magnitude = math.floor(math.log10(abs(rounded)))
    if magnitude < -4 or magnitude >= 6:
        return f"{value:.{count - 1}e}"
    return f"{rounded:,.{max(0, count - 1 - magnitude)}f}"


def scaled(value: float | None, unit: str) -> str:
    """``123456, "examples/s"`` -> ``123 k examples/s``."""
    if value is None:
        return MISSING
    for factor, prefix in _DECIMAL:
        if abs(value) >= factor * 0.9995:
            return f"{digits(value / factor)} {prefix}{'' if unit in ('B', 'B/s') else ' '}{unit}".rstrip()
    return f"{digits(value)} {unit}".rstrip()


def rate(value: float | None) -> str:
    return scaled(value, "examples/s")


def size(value: float | None) -> str:
    """Bytes in decimal multiples: ``1.24 GB``."""
    return scaled(value, "B")


def milliseconds(value: float | None) -> str:
    return MISSING if value is None else f"{digits(value)} ms"


def seconds(value: float | None) -> str:
    return MISSING if value is None else f"{digits(value)} s"


def auc(value: float | None) -> str:
    """Four decimals: the fifth is noise on every public test set."""
    return MISSING if value is None else f"{value:.4f}"


def factor(value: float | None) -> str:
    """A ratio: ``1.92×``."""
    return MISSING if value is None else f"{_ratio(value)}×"


def _ratio(value: float) -> str:
    """Two decimals around 1, where most ratios are."""
    return f"{value:.2f}" if 0.1 <= value < 10 else digits(value, 2 if value < 1 else 3)


def span(low: float | None, high: float | None) -> str:
    """An interval of ratios, or nothing when there is none."""
    return "" if low is None or high is None else f"{_ratio(low)}–{_ratio(high)}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """``1 case``, ``3 cases``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"
