"""The groups of a run as rows of plain text: what the Markdown and terminal outputs share."""

from __future__ import annotations

from dataclasses import dataclass

from wideload.reports import quantity, text
from wideload.reports.findings.evidence import estimate
from wideload.reports.findings.race import Group, Race, final_auc, throughput

HEADINGS = ("strategy", "data", "ranks", "rounds", "ex/s", "spread", "memory", "AUC", "parity")
CEILING = "of ceiling"
NUMBERS = frozenset(("ranks", "rounds", "ex/s", "spread", "memory", "AUC", CEILING))


@dataclass(frozen=True, slots=True)
class Row:
    """One group. ``cells`` are in the order of the headings; ``note`` says why it is not ranked."""

    cells: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    headings: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def notes(self) -> list[str]:
        """A line for every row that is not ranked, with the reason."""
        return [f"{row.cells[0]}, {row.cells[1]}: not ranked, {row.note}" for row in self.rows if row.note]


def listed(race: Race) -> Listing:
    """Setting by setting, ranked groups first, the fastest first; a share of the ceiling where one was measured."""
    ceilings = any(race.ceiling(setting) for setting in race.settings)
    rows = []
    for setting in race.settings:
        ranked = race.ranked(setting)
        groups = [*ranked, *(group for group in race.within(setting) if group not in ranked)]
        rows += [_row(race, group, ceilings) for group in groups]
    return Listing((*HEADINGS, CEILING) if ceilings else HEADINGS, tuple(rows))


def _row(race: Race, group: Group, ceilings: bool) -> Row:
    speed = estimate(group.values(throughput))
    spread = "–".join(quantity.scaled(bound, "") for bound in (speed.low, speed.high)) if speed else ""
    cells = (
        text.label(group.entrant.label),
        text.label(group.setting.short_label),
        str(group.setting.ranks),
        str(len(group.ok)),
        quantity.scaled(speed.median, "") if speed else quantity.MISSING,
        spread if speed and speed.spread != "none" else quantity.MISSING,
        quantity.size(group.middle(race.memory.of)),
        quantity.auc(group.middle(final_auc)),
        race.parity(group) or quantity.MISSING,
        *((_share(race, group),) if ceilings else ()),
    )
    return Row(cells, text.label(str(group.unranked), 160) if group.unranked else None)


def _share(race: Race, group: Group) -> str:
    """Percent of what the dense tower does alone."""
    ceiling, speed = race.ceiling(group.setting), group.middle(throughput)
    return quantity.MISSING if not ceiling or speed is None else f"{speed / ceiling:.0%}"
