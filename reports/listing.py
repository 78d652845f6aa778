"""The groups of a run as rows of plain text: what the Markdown and terminal outputs share."""

from __future__ import annotations

from dataclasses import dataclass

from wideload.reports import quantity, text
from wideload.reports.evidence import estimate
from wideload.reports.race import Group, Race, final_auc, throughput

HEADINGS = ("strategy", "data", "ranks", "rounds", "ex/s", "spread", "memory", "AUC", "parity")


@dataclass(frozen=True, slots=True)
class Row:
    """One group. ``cells`` are in the order of :data:`HEADINGS`; ``note`` says why it is not ranked."""

    cells: tuple[str, ...]
    note: str | None


def rows(race: Race) -> list[Row]:
    """Setting by setting, ranked groups first, the fastest first."""
    listed = []
    for setting in race.settings:
        ranked = race.ranked(setting)
        listed += [_row(race, group) for group in ranked]
        listed += [_row(race, group) for group in race.within(setting) if group not in ranked]
    return listed


def _row(race: Race, group: Group) -> Row:
    speed = estimate(group.values(throughput))
    spread = "–".join(quantity.scaled(bound, "") for bound in (speed.low, speed.high)) if speed else ""
    cells = (
        text.label(group.entrant.label),
        text.label(group.setting.data_label),
        str(group.setting.ranks),
        str(len(group.ok)),
        quantity.scaled(speed.median, "") if speed else quantity.MISSING,
        spread if speed and speed.spread != "none" else quantity.MISSING,
        quantity.size(group.middle(race.memory.of)),
        quantity.auc(group.middle(final_auc)),
        race.parity(group) or quantity.MISSING,
    )
    return Row(cells, text.label(group.unranked, 160) if group.unranked else None)
