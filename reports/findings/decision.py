"""Per setting: who wins, by how much, how sure.

The winner is the ranked entrant with the highest median throughput. Its rival is the fastest entrant of another
strategy (of the same one with other options, when there is no other): the question is which strategy, not which option.
Whether the lead is real is the verdict of their paired ratio, not of the medians.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wideload.harness.analysis.statistics import Ratio
from wideload.reports import quantity, text
from wideload.reports.findings.evidence import paired_ratio, sureness
from wideload.reports.findings.race import Group, Race, Setting, final_auc, throughput

EQUAL_AUC = 0.002


@dataclass(frozen=True, slots=True)
class Lead:
    """The winner against one rival.

    Attributes:
        speed: winner's throughput over the rival's, by round; None when they share no round.
        memory: winner's peak memory over the rival's.
        auc: winner's AUC minus the rival's.
    """

    rival: Group
    speed: Ratio | None
    memory: float | None
    auc: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """``leads``: over every other ranked group, the fastest first. ``share``: of the tower ceiling, 0 to 1."""

    setting: Setting
    winner: Group | None
    leads: tuple[Lead, ...]
    unranked: tuple[Group, ...]
    share: float | None

    @property
    def closest(self) -> Lead | None:
        """The lead over the rival."""
        own = self.winner.entrant.strategy if self.winner else ""
        others = [lead for lead in self.leads if lead.rival.entrant.strategy != own]
        return next(iter(others or self.leads), None)

    @property
    def clear(self) -> bool:
        return bool(self.closest and self.closest.speed and self.closest.speed.verdict == "higher")

    @property
    def verdict(self) -> str:
        """How sure, in words."""
        if self.winner is None:
            return "nothing to rank"
        if self.closest is None:
            return "no rival"
        if self.closest.speed is None:
            return "no common round"
        return {"higher": "clear lead", "too few rounds": "too few rounds"}.get(
            sureness(self.closest.speed), "undecided"
        )


def decide(race: Race, among: Callable[[Group], bool] = lambda _: True) -> list[Decision]:
    """A decision per setting, ``among`` the groups that may win."""
    return [_decide(race, setting, among) for setting in race.settings if race.within(setting)]


def _decide(race: Race, setting: Setting, among: Callable[[Group], bool]) -> Decision:
    ranked = [group for group in race.ranked(setting) if among(group)]
    winner = ranked[0] if ranked else None
    leads = tuple(_lead(race, ranked[0], rival) for rival in ranked[1:])
    unranked = tuple(group for group in race.within(setting) if group not in race.ranked(setting))
    ceiling, speed = race.ceiling(setting), winner.middle(throughput) if winner else None
    return Decision(setting, winner, leads, unranked, speed / ceiling if speed and ceiling else None)


def _lead(race: Race, winner: Group, rival: Group) -> Lead:
    resident = race.memory.of
    speed = paired_ratio(winner.rounds(throughput), rival.rounds(throughput))
    ours, theirs = winner.middle(resident), rival.middle(resident)
    ours_auc, theirs_auc = winner.middle(final_auc), rival.middle(final_auc)
    return Lead(
        rival,
        speed,
        ours / theirs if ours is not None and theirs else None,
        ours_auc - theirs_auc if ours_auc is not None and theirs_auc is not None else None,
    )


def speed_words(lead: Lead) -> str:
    """``1.92× (1.88–1.97)``."""
    if lead.speed is None:
        return quantity.MISSING
    interval = quantity.span(lead.speed.low, lead.speed.high)
    return quantity.factor(lead.speed.median) + (f" ({interval})" if interval else "")


def auc_words(gap: float | None) -> str:
    """``equal within 0.0003``, ``higher by 0.0120``; ties are up to :data:`EQUAL_AUC`."""
    if gap is None:
        return quantity.MISSING
    if abs(gap) <= EQUAL_AUC:
        return f"equal within {max(abs(gap), 0.0001):.4f}"
    return f"{'higher' if gap > 0 else 'lower'} by {abs(gap):.4f}"


def gap_words(gap: float | None) -> str:
    """``+0.0003``: the same in a table. What rounds to nothing has no sign."""
    if gap is None:
        return quantity.MISSING
    return "0.0000" if abs(gap) < 0.00005 else f"{gap:+.4f}"


def name(group: Group) -> str:
    return text.label(group.entrant.label)
