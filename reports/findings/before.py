"""Compares two run folders: the same entrant in the same setting, before and after.

The two runs were not interleaved, so ratios are not paired in time: round i of one is compared with round i of the
other, and the interval covers the differences between rounds. Groups that only one folder has are named, not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

from wideload.harness.analysis.statistics import Ratio
from wideload.reports import quantity, text
from wideload.reports.findings.decision import gap_words
from wideload.reports.findings.evidence import paired_ratio, sureness
from wideload.reports.findings.race import Group, Race, final_auc, throughput


@dataclass(frozen=True, slots=True)
class Change:
    """One group in both folders."""

    before: Group
    after: Group
    speed: Ratio | None
    memory: float | None
    auc: float | None

    @property
    def reason(self) -> str | None:
        """Why the two cannot be compared: the side that is not ranked and its reason."""
        if self.after.unranked:
            return f"after: {self.after.unranked}"
        return f"before: {self.before.unranked}" if self.before.unranked else None

    @property
    def verdict(self) -> str:
        if self.reason:
            return "not ranked"
        if self.speed is None:
            return "no common round"
        word = sureness(self.speed)
        return {"higher": "faster", "lower": "slower"}.get(word, word)


@dataclass(frozen=True, slots=True)
class Comparison:
    changes: tuple[Change, ...]
    only_before: tuple[Group, ...]
    only_after: tuple[Group, ...]

    @property
    def summary(self) -> str:
        """How many are faster, slower, unclear."""
        verdicts = [change.verdict for change in self.changes]
        parts = [f"{verdicts.count(word)} {word}" for word in dict.fromkeys(sorted(verdicts))]
        return (
            f"Of {quantity.count(len(verdicts), 'entrant')} in both: {', '.join(parts)}."
            if parts
            else "The two folders have no case in common."
        )


def compare(before: Race, after: Race) -> Comparison:
    old = {group.key: group for group in before.groups}
    new = {group.key: group for group in after.groups}
    changes = tuple(_change(before, after, old[key], group) for key, group in new.items() if key in old)
    return Comparison(
        changes,
        tuple(group for key, group in old.items() if key not in new),
        tuple(group for key, group in new.items() if key not in old),
    )


def row(change: Change) -> dict[str, str]:
    """One change, as the text that every output prints."""
    speed = change.speed
    ratio = quantity.MISSING
    if speed:
        interval = quantity.span(speed.low, speed.high)
        ratio = quantity.factor(speed.median) + (f" ({interval})" if interval else "")
    return {
        "entrant": text.label(change.after.entrant.label),
        "setting": text.label(change.after.setting.label),
        "before": quantity.rate(change.before.middle(throughput)),
        "after": quantity.rate(change.after.middle(throughput)),
        "ratio": ratio,
        "verdict": change.verdict,
        "kind": {"faster": "sure", "slower": "failed"}.get(change.verdict, "unsure"),
        "memory": quantity.factor(change.memory),
        "auc": gap_words(change.auc),
    }


def loose_ends(comparison: Comparison) -> list[str]:
    """A line for everything that has no verdict."""
    sides = (("only before", comparison.only_before), ("only after", comparison.only_after))
    alone = [f"{side}: {_words(group)}" for side, groups in sides for group in groups]
    unranked = [
        f"{_words(change.after)}: not ranked, {text.label(change.reason, 160)}"
        for change in comparison.changes
        if change.reason
    ]
    return unranked + alone


def _words(group: Group) -> str:
    return f"{text.label(group.entrant.label)}, {text.label(group.setting.label)}"


def _change(before: Race, after: Race, old: Group, new: Group) -> Change:
    old_memory, new_memory = old.middle(before.memory.of), new.middle(after.memory.of)
    old_auc, new_auc = old.middle(final_auc), new.middle(final_auc)
    return Change(
        old,
        new,
        paired_ratio(new.rounds(throughput), old.rounds(throughput)),
        new_memory / old_memory if new_memory is not None and old_memory else None,
        new_auc - old_auc if new_auc is not None and old_auc is not None else None,
    )
