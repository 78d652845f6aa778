"""Text from records, made safe to show.

Text leaves the program in three ways, each with its own escaping: HTML templates autoescape; the data of the script is
packed, so that the page never parses it as text; plotly interprets some markup in labels, so labels for it are escaped
as well. Control and bidirectional-override characters are shown as their code points, so that a name cannot change how
the text next to it reads.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

LABEL_LENGTH = 72
_KEPT = frozenset("\n\t")


def visible(text: str) -> str:
    """``text`` with control, format and surrogate characters written out, e.g. ``<U+202E>``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _harmless(letter) else f"<U+{ord(letter):04X}>" for letter in text)


def label(text: str, length: int = LABEL_LENGTH) -> str:
    """One visible line of at most ``length`` characters."""
    line = " ".join(visible(text[: 4 * length]).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def plot_label(text: str, length: int = LABEL_LENGTH) -> str:
    """A label for plotly, which would otherwise read ``<a href=...>`` and ``<b>`` in it."""
    return html.escape(label(text, length), quote=False)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted keys, in the order stored."""
    for key, value in values.items():
        where = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{where}.")
        elif isinstance(value, list | tuple) and all(not isinstance(each, Mapping | list) for each in value):
            yield where, ", ".join(_word(each) for each in value)
        else:
            yield where, _word(value)


def _harmless(letter: str) -> bool:
    return letter in _KEPT or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "none" if value is None else str(value)
