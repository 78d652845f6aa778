"""Colours that people with any colour vision can tell apart (Okabe & Ito 2008), and a marker symbol for each.

A strategy has the same colour and symbol in every report. Its options vary the symbol: a dot in the middle, then other
dotted symbols. A colour is never the only difference: entrants differ in symbol too, and stacked parts are labelled and
hatched in print. Each ink has a light-page and a dark-page value with at least 3:1 contrast against the page
(WCAG 1.4.11).
"""

from __future__ import annotations

from typing import NamedTuple

from wideload.reports.findings.places import COUNT
from wideload.reports.findings.race import Entrant


class Ink(NamedTuple):
    light: str
    dark: str


ENTRANT_INKS = (
    Ink("#5a6472", "#aab4c2"),
    Ink("#0072b2", "#4aa8e0"),
    Ink("#d55e00", "#f0803c"),
    Ink("#008a65", "#2fbf95"),
    Ink("#b0558a", "#dd8fbd"),
    Ink("#a87400", "#e69f00"),
    Ink("#2b86b8", "#7cc8f2"),
    Ink("#7a6a00", "#e4d84a"),
)
assert len(ENTRANT_INKS) == COUNT
PART_INKS = {
    "weights": Ink("#0072b2", "#4aa8e0"),
    "optimizer": Ink("#4597c4", "#8cc9ee"),
    "index": Ink("#a87400", "#e69f00"),
    "buffers": Ink("#b0558a", "#dd8fbd"),
    "framework": Ink("#848d98", "#7c8693"),
    "input": Ink("#a87400", "#e69f00"),
    "pull": Ink("#4597c4", "#8cc9ee"),
    "compute": Ink("#008a65", "#2fbf95"),
    "push": Ink("#d55e00", "#f0803c"),
}
OTHER_INK = Ink("#b0558a", "#dd8fbd")
MUTED_INK = Ink("#848d98", "#7c8693")

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "pentagon", "star")
PATTERNS = ("", "/", "x", "-", "|", "+", ".")


def entrant_ink(entrant: Entrant) -> str:
    """Name of the CSS variable that holds the colour of an entrant's strategy."""
    return f"entrant-{entrant.place % len(ENTRANT_INKS)}"


def entrant_symbol(entrant: Entrant, *, hollow: bool = False) -> str:
    """Symbol in plotly's words. Repeats later than the colours do, so that sixteen strategies stay distinct."""
    shift = entrant.place + entrant.place // len(ENTRANT_INKS) + max(0, entrant.variant - 1)
    return SYMBOLS[shift % len(SYMBOLS)] + ("-open" if hollow else "") + ("-dot" if entrant.variant else "")


def entrant_pattern(entrant: Entrant) -> str:
    """What tells the bars of one strategy apart, in plotly's words: nothing, or hatching that goes with the options."""
    return PATTERNS[entrant.variant % len(PATTERNS)]


def part_ink(part: str) -> str:
    return f"part-{part}" if part in PART_INKS else "part-other"


def variables() -> list[tuple[str, Ink]]:
    """Every CSS variable with its two values."""
    entrants = [(f"entrant-{index}", ink) for index, ink in enumerate(ENTRANT_INKS)]
    parts = [(f"part-{name}", ink) for name, ink in PART_INKS.items()]
    return [*entrants, *parts, ("part-other", OTHER_INK), ("muted", MUTED_INK)]


def light(name: str) -> str:
    """The light-page value of a variable."""
    return dict(variables())[name].light
