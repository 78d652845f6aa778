"""The picture on the first screen: in one setting, everybody's throughput as a bar, with memory and AUC.

Plain HTML, so that it is there without a script, on paper and for a screen reader. At most :data:`BOARDS` settings have
one: those with most entrants, the largest vocabulary, most ranks. The settings that are left out are named below the
boards; the decision table has all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wideload.reports import quantity, text
from wideload.reports.findings.decision import Decision
from wideload.reports.findings.evidence import Estimate, estimate
from wideload.reports.findings.race import Group, Race, final_auc, throughput
from wideload.reports.html import palette

BOARDS = 2
BARS = 8
NAMED = 6
"""Up to so many of the settings that are left out are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One entrant. ``width``, ``low`` and ``high`` are percent of the longest; ``why``: why it is not ranked."""

    entrant: int
    name: str
    ink: str
    throughput: str
    memory: str
    auc: str
    width: float
    low: float
    high: float
    why: str


@dataclass(frozen=True, slots=True)
class Board:
    """One setting. ``more``: number of slower entrants that are not shown; ``decided``: whether the first bar wins."""

    label: str
    bars: tuple[Bar, ...]
    more: int
    decided: bool


def weight(decision: Decision) -> tuple[int, int, int]:
    """How much a setting has to tell."""
    return len(decision.leads), decision.setting.vocabulary or 0, decision.setting.ranks


def boards(race: Race, decisions: Sequence[Decision]) -> list[Board]:
    """In the order of the settings; none where nobody was measured against another."""
    return [_board(race, decision) for decision in _chosen(race, decisions)]


def left_out(race: Race, decisions: Sequence[Decision]) -> str:
    """Names the settings that have no board while others have one; empty when there are none."""
    chosen = _chosen(race, decisions)
    labels = [text.label(decision.setting.label) for decision in decisions if decision not in chosen]
    if not chosen or not labels:
        return ""
    more = [f"and {len(labels) - NAMED} more"] if len(labels) > NAMED else []
    return f"Without bars: {'; '.join([*labels[:NAMED], *more])}. The table below has all settings."


def _chosen(race: Race, decisions: Sequence[Decision]) -> list[Decision]:
    """The settings with a board."""
    telling = [decision for decision in decisions if len(race.within(decision.setting)) > 1 and decision.leader]
    heaviest = sorted(telling, key=weight, reverse=True)[:BOARDS]
    return [decision for decision in decisions if decision in heaviest]


def _board(race: Race, decision: Decision) -> Board:
    groups = [*race.ranked(decision.setting), *decision.unranked]
    speeds = [estimate(group.values(throughput)) for group in groups]
    longest = max((speed.high for speed in speeds if speed), default=1.0)
    bars = [_bar(race, group, speed, longest) for group, speed in zip(groups, speeds, strict=True)]
    return Board(text.label(decision.setting.label), tuple(bars[:BARS]), max(0, len(bars) - BARS), decision.clear)


def _bar(race: Race, group: Group, speed: Estimate | None, longest: float) -> Bar:
    bounds = (speed.median, speed.low, speed.high) if speed else (0.0, 0.0, 0.0)
    width, low, high = (round(100 * value / longest, 2) for value in bounds)
    return Bar(
        group.entrant.index,
        text.label(group.entrant.label, 48),
        palette.entrant_ink(group.entrant),
        quantity.scaled(speed.median if speed else None, ""),
        quantity.size(group.middle(race.memory.of)),
        quantity.auc(group.middle(final_auc)),
        width,
        low,
        high,
        why=text.label(str(group.unranked or ""), 120),
    )
