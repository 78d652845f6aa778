"""The first sentence: who is the fastest, where that is decided, and that it is not, where it is not.

One setting gives a sentence about the leader and its closest rival. Two or three settings that differ in winner or in
sureness give a clause each. More give a count of wins. Nobody is called the fastest whose lead is not clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wideload.harness.analysis.statistics import FEWEST_PAIRS
from wideload.reports import quantity, text
from wideload.reports.findings.decision import Decision, Lead, auc_words, name, speed_words
from wideload.reports.findings.evidence import sureness
from wideload.reports.findings.race import throughput

EACH = 3
"""Up to so many settings get a clause each."""

WITHIN_NOISE = 1.25
"""Two single jobs of the same strategy can differ by so much: without an interval, a smaller ratio is a close call."""


def headline(decisions: Sequence[Decision]) -> str:
    """A sentence on the settings that have a leader; there is at least one."""
    return _one(decisions[0]) if len(decisions) == 1 else _many(decisions)


def rounds(number: int) -> str:
    return "one round" if number == 1 else f"{number} rounds"


def listing(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def costs(lead: Lead) -> list[str]:
    """What the leader costs compared with a rival: memory and AUC, where they were measured."""
    words = []
    if lead.memory is not None:
        words.append(f"uses {quantity.factor(lead.memory)} its memory")
    if lead.auc is not None:
        words.append(f"AUC {auc_words(lead.auc)}")
    return words


def _one(decision: Decision) -> str:
    lead = decision.closest
    assert decision.leader is not None
    if lead is None:
        speed = quantity.rate(decision.leader.middle(throughput))
        return f"{name(decision.leader)} trains {speed}. There is nothing to compare it with."
    return ", ".join([_clause(decision), *(costs(lead) if decision.clear else [])]) + "."


def _clause(decision: Decision) -> str:
    """Leader and rival, in the words that their ratio supports."""
    lead = decision.closest
    assert decision.leader is not None
    assert lead is not None
    leader, rival = name(decision.leader), name(lead.rival)
    if decision.clear:
        return f"{leader} is {speed_words(lead)} as fast as {rival}"
    if lead.speed is None:
        return f"Nothing is decided: {leader} had the highest throughput, but shares no round with {rival}"
    after = f"after {rounds(lead.speed.pairs)}"
    if sureness(lead.speed) == "too few rounds" and lead.speed.median >= WITHIN_NOISE:
        return f"Nothing is decided {after}, in which {leader} ran {speed_words(lead)} as fast as {rival}"
    close = listing([leader, *(name(each.rival) for each in decision.open)])
    return f"{close} are too close to call {after} ({speed_words(lead)})"


def _many(decisions: Sequence[Decision]) -> str:
    decided = [decision for decision in decisions if decision.winner]
    wins = Counter(text.label(decision.winner.entrant.strategy) for decision in decided if decision.winner)
    if not wins:
        return _none(decisions)
    (first, number), *others = wins.most_common()
    total = len(decisions)
    if total <= EACH and number < total and all(decision.closest for decision in decisions):
        return _each(decisions)
    if number == total:
        sentence = f"{first} is the fastest in {'both' if total == 2 else f'all {total}'} settings"
    else:
        rest = ", ".join(["", listing([f"{other} in {wins[other]}" for other, _ in others])]) if others else ""
        sentence = f"{first} is the fastest in {number} of {total} settings{rest}"
    sentence += _margin(decided)
    undecided = total - len(decided)
    return sentence + (f"; nothing is decided in {undecided}." if undecided else ".")


def _none(decisions: Sequence[Decision]) -> str:
    """No setting has a winner."""
    where = "either setting" if len(decisions) == 2 else f"any of {len(decisions)} settings"
    pairs = [lead.speed.pairs if (lead := each.closest) and lead.speed else 0 for each in decisions]
    after = f" after {rounds(max(pairs))}" if max(pairs) else ""
    few = f": an interval needs {FEWEST_PAIRS}" if 0 < max(pairs) < FEWEST_PAIRS else ""
    if len(decisions) <= EACH and all(pairs):
        return _each(decisions)
    return f"Nothing is decided in {where}{after}{few}."


def _each(decisions: Sequence[Decision]) -> str:
    """A clause per setting, named by its data alone where that is enough."""
    data = Counter(decision.setting.data_label for decision in decisions)
    clauses: list[str] = []
    for decision in decisions:
        setting = decision.setting
        where = setting.data_label if data[setting.data_label] == 1 else setting.label
        clause = _clause(decision)
        clauses.append(f"{lowered(clause) if clauses else clause} on {text.label(where)}")
    return "; ".join(clauses) + "."


def lowered(sentence: str) -> str:
    """For use inside another sentence. A name keeps its case."""
    return sentence.replace("Nothing", "nothing", 1) if sentence.startswith("Nothing") else sentence


def _margin(decided: Sequence[Decision]) -> str:
    """``, 1.4× to 2.0× as fast as horovod``; different rivals are called the next strategy."""
    leads = [lead for decision in decided if (lead := decision.closest)]
    factors = [lead.speed.median for lead in leads if lead.speed]
    rivals = {text.label(lead.rival.entrant.strategy) for lead in leads}
    low, high = quantity.factor(min(factors)), quantity.factor(max(factors))
    return (
        f", {low if low == high else f'{low} to {high}'} as fast as {rivals.pop() if len(rivals) == 1 else 'the next'}"
    )
