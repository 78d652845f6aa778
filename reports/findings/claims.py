"""What a run claims, and whether a second run of the same experiment bears it out.

========  =====================================  ==================================================================
claim     the run says of an entrant             reproduced within the interval
========  =====================================  ==================================================================
ratio     1.90 times as fast as the anchor       the interval of the change of the ratio contains 1
rate      190 k examples/s                       that of its change comes within a factor of 1.25 of 1: so much one
                                                 machine differs from itself, hours apart
AUC       0.9051 on the held-out split           within 0.002, which reports call equal
memory    1.2 GB                                 within a tenth
parity    pass, or fail                          the same
========  =====================================  ==================================================================

The anchor of a setting is its baseline, its reference, or the first entrant: chosen without a look at who won, because
the leads of a winner are a little lucky. Each round gives one ratio, so what slows the machine down slows both sides.
Other programs do not slow all strategies alike, so rounds that were flagged for them are left out.
The two runs were measured apart, hence the interval of the Mann-Whitney test. The intervals of all ratios hold together
at 95 % (Bonferroni), so that a true report of many claims is not refuted by one of them, by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from wideload.harness.analysis.parity import PROBLEM, differing
from wideload.harness.analysis.statistics import FEWEST_PAIRS, LEVEL, Ratio
from wideload.harness.records.results import Cause, FlagKind, Results, RunRecord
from wideload.options import Spec
from wideload.reports import quantity, text
from wideload.reports.findings.decision import EQUAL_AUC
from wideload.reports.findings.evidence import change
from wideload.reports.findings.headline import WITHIN_NOISE
from wideload.reports.findings.race import Group, Race, final_auc, throughput

Metric = Callable[[RunRecord], float | None]

MEMORY = 1.1
"""Peaks that differ by no more than this factor are taken for equal: they depend on when they were sampled."""

WIDEST = 1.25
"""An interval that reaches further than this factor from its middle is too wide to confirm anything."""


class Verdict(StrEnum):
    """What became of a claim."""

    REPRODUCED = "reproduced within the interval"
    NOT_REPRODUCED = "not reproduced"
    INCOMPARABLE = "cannot be compared"


class Kind(StrEnum):
    """What a claim is about."""

    RATIO = "ratio"
    RATE = "rate"
    AUC = "AUC"
    MEMORY = "memory"
    PARITY = "parity"


Obstacle = tuple[Verdict, str]
"""What stands in the way of a comparison: the verdict that follows, and the reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim, and what became of it.

    Attributes:
        setting, entrant: labels; subject: what is claimed: ``as fast as local``.
        claimed, here: the value in the first run and in the second, as text.
        change: second over first; None for what is no ratio.
        reason: why, where the numbers do not say it.
    """

    setting: str
    entrant: str
    kind: Kind
    subject: str
    claimed: str
    here: str
    change: Ratio | None
    verdict: Verdict
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data; ``change``, ``low`` and ``high`` only where there is a ratio."""
        names = ("setting", "entrant", "kind", "subject", "claimed", "here", "verdict", "reason")
        interval = (
            {"change": self.change.median, "low": self.change.low, "high": self.change.high} if self.change else {}
        )
        return {name: str(getattr(self, name)) for name in names} | interval


@dataclass(frozen=True, slots=True)
class Pair:
    """One group of the first run, and the same group of the second, where there is one."""

    there: Group
    here: Group | None

    @property
    def obstacle(self) -> Obstacle | None:
        """What stands in the way of every claim about this group."""
        if self.here is None:
            return Verdict.INCOMPARABLE, "it was not run here"
        if not self.here.ok:
            last = self.here.runs[-1]
            kept_out = last.status == "refused" or last.cause is Cause.OUT_OF_MEMORY
            return Verdict.INCOMPARABLE if kept_out else Verdict.NOT_REPRODUCED, f"{last.status} here: {last.error}"
        others = differing(self.there.ok[0], self.here.ok[0], (*PROBLEM, "order", "input"))
        return (Verdict.INCOMPARABLE, f"the {' and '.join(others)} of the cases differ") if others else None

    @property
    def slowed(self) -> Obstacle | None:
        """What stands in the way of claims about speed."""
        if self.obstacle or self.here is None:
            return self.obstacle
        if self.here.unranked is not None:
            return Verdict.INCOMPARABLE, f"not ranked here: {self.here.unranked}"
        busy = [_disturbed(side, group) for side, group in (("there", self.there), ("here", self.here))]
        return (Verdict.INCOMPARABLE, " and ".join(filter(None, busy))) if any(busy) else None

    def values(self, metric: Metric) -> tuple[list[float], list[float]]:
        """A metric in every round of the first run, and of the second."""
        return self.there.values(metric), self.here.values(metric) if self.here else []


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure of one group, before it is judged.

    Attributes:
        before, after: what each round of the first run and of the second gave.
        words: how such values are written.
    """

    pair: Pair
    kind: Kind
    subject: str
    before: Sequence[float]
    after: Sequence[float]
    words: Callable[[float], str]
    obstacle: Obstacle | None

    @property
    def enough(self) -> bool:
        """Whether an interval can be given."""
        return self.obstacle is None and min(len(self.before), len(self.after)) >= FEWEST_PAIRS

    def judged(self, level: float) -> Finding:
        """The finding; ``level``: of the interval of a ratio, 0 to 1."""
        if self.obstacle:
            return self._finding(None, *self.obstacle)
        if not (self.before and self.after):
            return self._finding(None, Verdict.INCOMPARABLE, "no round measured it")
        return self._by_interval(level) if self.kind in (Kind.RATIO, Kind.RATE) else self._by_tolerance()

    def _by_interval(self, level: float) -> Finding:
        if not self.enough:
            rounds = f"the run has {len(self.before)}, here there are {len(self.after)}"
            return self._finding(None, Verdict.INCOMPARABLE, f"an interval needs {FEWEST_PAIRS} rounds: {rounds}")
        ratio = change(self.before, self.after, level)
        if ratio.low is None or ratio.high is None:
            return self._finding(ratio, Verdict.INCOMPARABLE, "so many claims need more rounds")
        tolerance = WITHIN_NOISE if self.kind is Kind.RATE else 1.0
        if ratio.low > tolerance or ratio.high < 1 / tolerance:
            return self._finding(ratio, Verdict.NOT_REPRODUCED)
        if ratio.high / ratio.low > WIDEST**2:
            return self._finding(ratio, Verdict.INCOMPARABLE, "the rounds scatter too much")
        return self._finding(ratio, Verdict.REPRODUCED)

    def _by_tolerance(self) -> Finding:
        there, here = median(self.before), median(self.after)
        if self.kind is Kind.AUC:
            same, ratio = abs(here - there) <= EQUAL_AUC, None
        else:
            same, ratio = 1 / MEMORY <= here / there <= MEMORY, Ratio(here / there, len(self.after))
        return self._finding(ratio, Verdict.REPRODUCED if same else Verdict.NOT_REPRODUCED)

    def _finding(self, ratio: Ratio | None, verdict: Verdict, reason: str = "") -> Finding:
        claimed, here = (
            self.words(median(values)) if values else quantity.MISSING for values in (self.before, self.after)
        )
        return _finding(self.pair, self.kind, self.subject, claimed, here, ratio, verdict, reason)


def judge(claimed: Results, again: Results) -> list[Finding]:
    """Every claim of the first run with its verdict by the second, setting by setting."""
    there, here = Race.of(claimed), Race.of(again)
    groups = {group.key: group for group in here.groups}
    machine = other_machine(claimed.environment, again.environment)
    claims: list[Claim] = []
    findings: list[Finding] = []
    for setting in there.settings:
        pairs = [Pair(group, groups.get(group.key)) for group in there.within(setting) if group.ok]
        claims += [*_speeds(claimed, pairs, machine), *_sizes(pairs, there, here)]
        findings += [found for pair in pairs for found in _parity(pair, there, here)]
    ratios = sum(claim.kind is Kind.RATIO and claim.enough for claim in claims)
    level = 1 - (1 - LEVEL) / max(ratios, 1)
    return [claim.judged(level) for claim in claims] + findings


def other_machine(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Why rates of two environments cannot be compared; empty on machines that are alike."""
    names = {"cpu": "the processor", "cores": "the number of cores", "cpu_quota": "the CPU quota"}
    for key, name in names.items():
        if there.get(key) != here.get(key):
            return f"{name} is another: {there.get(key)} there, {here.get(key)} here"
    return ""


def summary(findings: Sequence[Finding]) -> str:
    """How many are reproduced, in one sentence."""
    words = {Verdict.INCOMPARABLE: "not comparable here"}
    count = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    parts = [f"{count[verdict]} {words.get(verdict, verdict)}" for verdict in Verdict if count[verdict]]
    return f"Of {quantity.count(len(findings), 'claim')}: {', '.join(parts)}." if parts else "The run claims nothing."


def _busy(run: RunRecord) -> bool:
    return any(flag.kind is FlagKind.BACKGROUND_LOAD for flag in run.flagged)


def _disturbed(side: str, group: Group) -> str:
    """Says that too few rounds are left without those during which other programs ran; empty if enough are."""
    busy = sum(map(_busy, group.ok))
    few = busy and len(group.ok) - busy < FEWEST_PAIRS
    return f"other programs ran {side} during {busy} of {quantity.count(len(group.ok), 'round')}" if few else ""


def _calm(run: RunRecord) -> float | None:
    """The throughput of a run during which nothing else ran."""
    return None if _busy(run) else throughput(run)


def _speeds(claimed: Results, pairs: Sequence[Pair], machine: str) -> Iterator[Claim]:
    ranked = [pair for pair in pairs if pair.there.unranked is None and pair.there.values(throughput)]
    anchor = _anchor(claimed, ranked)
    for pair in ranked:
        if anchor is not None and pair is not anchor:
            subject = f"as fast as {text.label(anchor.there.entrant.label)}"
            obstacle = pair.slowed or anchor.slowed
            metric = throughput if obstacle else _calm
            before = _ratios(pair.there, anchor.there, metric)
            after = _ratios(pair.here, anchor.here, metric) if pair.here and anchor.here else []
            yield Claim(pair, Kind.RATIO, subject, before, after, quantity.factor, obstacle)
        obstacle = pair.slowed or ((Verdict.INCOMPARABLE, machine) if machine else None)
        rates = pair.values(throughput if obstacle else _calm)
        yield Claim(pair, Kind.RATE, "throughput", *rates, quantity.rate, obstacle)


def _anchor(claimed: Results, pairs: Sequence[Pair]) -> Pair | None:
    """The entrant of a setting with which the others are compared."""
    for key in ("baseline", "reference"):
        wanted = claimed.experiment.get(key)
        for pair in pairs:
            if wanted and pair.there.runs[0].label == str(Spec.parse(wanted)):
                return pair
    return pairs[0] if pairs else None


def _ratios(group: Group, anchor: Group, metric: Metric) -> list[float]:
    """The ratio of every round that both finished."""
    ours, theirs = group.rounds(metric), anchor.rounds(metric)
    return [ours[at] / theirs[at] for at in sorted(ours.keys() & theirs.keys()) if ours[at] > 0 and theirs[at] > 0]


def _sizes(pairs: Sequence[Pair], there: Race, here: Race) -> Iterator[Claim]:
    """AUC and memory, where the first run measured them."""
    for pair in pairs:
        if pair.there.values(final_auc):
            yield Claim(pair, Kind.AUC, "AUC", *pair.values(final_auc), quantity.auc, pair.obstacle)
        if before := pair.there.values(there.memory.of):
            after = pair.here.values(here.memory.of) if pair.here else []
            obstacle = pair.obstacle or _other_memory(pair, there, here)
            yield Claim(pair, Kind.MEMORY, there.memory.name, before, after, quantity.size, obstacle)


def _other_memory(pair: Pair, there: Race, here: Race) -> Obstacle | None:
    if there.memory.name != here.memory.name:
        return Verdict.INCOMPARABLE, f"here it is {here.memory.name}"
    if any(map(_busy, [*pair.there.ok, *(pair.here.ok if pair.here else ())])):
        return Verdict.INCOMPARABLE, "other programs ran meanwhile, and programs share memory"
    return None


def _parity(pair: Pair, there: Race, here: Race) -> Iterator[Finding]:
    claimed = there.parity(pair.there)
    if claimed not in ("pass", "fail"):
        return
    found = here.parity(pair.here) if pair.here else None
    verdict, reason = pair.obstacle or (Verdict.REPRODUCED if found == claimed else Verdict.NOT_REPRODUCED, "")
    yield _finding(pair, Kind.PARITY, "parity", claimed, found or quantity.MISSING, None, verdict, reason)


def _finding(
    pair: Pair,
    kind: Kind,
    subject: str,
    claimed: str,
    here: str,
    ratio: Ratio | None,
    verdict: Verdict,
    reason: str,
) -> Finding:
    setting, entrant = text.label(pair.there.setting.label), text.label(pair.there.entrant.label)
    return Finding(setting, entrant, kind, subject, claimed, here, ratio, verdict, text.label(reason, 200))
