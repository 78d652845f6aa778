"""Colours that people with any colour vision can tell apart (Okabe & Ito 2008), and a marker symbol beside each.

A colour is never the only sign: entrants differ in symbol too, and stacked parts are labelled and hatched in print.
Each ink has a light-page and a dark-page value with at least 3:1 contrast against the page (WCAG 1.4.11).
"""

from __future__ import annotations

from typing import NamedTuple


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


def entrant_ink(index: int) -> str:
    """Name of the CSS variable that holds an entrant's colour."""
    return f"entrant-{index % len(ENTRANT_INKS)}"


def entrant_symbol(index: int) -> str:
    """Repeats later than the colours do, so that sixteen entrants stay distinct."""
    return SYMBOLS[(index + index // len(ENTRANT_INKS)) % len(SYMBOLS)]


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
