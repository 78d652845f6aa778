"""Per setting: who leads, by how much, and whether that is decided.

The leader is the ranked entrant with the highest median throughput. Its rivals are the entrants of other strategies
(those of the same strategy with other options, when there is no other): the question is which strategy, not which
option. The leader is the winner only if it is clearly faster than every rival: a lead within the noise of the rounds
decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wideload.harness.analysis.statistics import Ratio
from wideload.reports import quantity, text
from wideload.reports.findings.evidence import clearly_higher, paired_ratio, sureness
from wideload.reports.findings.race import Group, Race, Setting, final_auc, throughput

EQUAL_AUC = 0.002


@dataclass(frozen=True, slots=True)
class Lead:
    """The leader against one rival.

    Attributes:
        speed: leader's throughput over the rival's, by round; None when they share no round.
        clear: whether the rounds leave no doubt that the leader is faster.
        memory: leader's peak memory over the rival's.
        auc: leader's AUC minus the rival's.
    """

    rival: Group
    speed: Ratio | None
    clear: bool
    memory: float | None
    auc: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known about one setting.

    Attributes:
        leader: the ranked group with the highest median throughput.
        leads: over every other ranked group, the fastest first.
        unranked: the other groups of the setting.
        share: the leader's throughput over that of the tower ceiling, 0 to 1.
    """

    setting: Setting
    leader: Group | None
    leads: tuple[Lead, ...]
    unranked: tuple[Group, ...]
    share: float | None

    @property
    def rivals(self) -> tuple[Lead, ...]:
        """The leads over other strategies, or over all others when there is no other strategy."""
        own = self.leader.entrant.strategy if self.leader else ""
        return tuple(lead for lead in self.leads if lead.rival.entrant.strategy != own) or self.leads

    @property
    def open(self) -> tuple[Lead, ...]:
        """The leads over rivals that are not clearly slower."""
        return tuple(lead for lead in self.rivals if not lead.clear)

    @property
    def closest(self) -> Lead | None:
        """The lead that decides: over the fastest rival that is not clearly slower, else over the fastest rival."""
        return next(iter(self.open or self.rivals), None)

    @property
    def clear(self) -> bool:
        return bool(self.rivals) and not self.open

    @property
    def winner(self) -> Group | None:
        """The leader, if it is clearly faster than every rival."""
        return self.leader if self.clear else None

    @property
    def verdict(self) -> str:
        """How sure, in words."""
        if self.leader is None:
            return "nothing to rank"
        if self.closest is None:
            return "no rival"
        if self.clear:
            return "clear lead"
        if self.closest.speed is None:
            return "no common round"
        return "too few rounds" if sureness(self.closest.speed) == "too few rounds" else "undecided"


def decide(race: Race, among: Callable[[Group], bool] = lambda _: True) -> list[Decision]:
    """A decision per setting, ``among`` the groups that may win."""
    return [_decide(race, setting, among) for setting in race.settings if race.within(setting)]


def _decide(race: Race, setting: Setting, among: Callable[[Group], bool]) -> Decision:
    ranked = [group for group in race.ranked(setting) if among(group)]
    leader = ranked[0] if ranked else None
    leads = tuple(_lead(race, ranked[0], rival) for rival in ranked[1:])
    unranked = tuple(group for group in race.within(setting) if group not in race.ranked(setting))
    ceiling, speed = race.ceiling(setting), leader.middle(throughput) if leader else None
    return Decision(setting, leader, leads, unranked, speed / ceiling if speed and ceiling else None)


def _lead(race: Race, leader: Group, rival: Group) -> Lead:
    ours, theirs = leader.rounds(throughput), rival.rounds(throughput)
    our_memory, their_memory = leader.middle(race.memory.of), rival.middle(race.memory.of)
    our_auc, their_auc = leader.middle(final_auc), rival.middle(final_auc)
    return Lead(
        rival,
        paired_ratio(ours, theirs),
        clearly_higher(ours, theirs),
        our_memory / their_memory if our_memory is not None and their_memory else None,
        our_auc - their_auc if our_auc is not None and their_auc is not None else None,
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
