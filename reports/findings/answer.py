"""The first screen in words, composed only from what the data supports.

One setting gives a sentence about winner and runner-up; two or three won by different strategies give one each; more
give a count of wins. What was not measured is not
mentioned; what is not clear is called not clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wideload.harness.analysis.statistics import FEWEST_PAIRS
from wideload.harness.records.results import FlagKind, RunRecord
from wideload.reports import quantity, text
from wideload.reports.findings.decision import EQUAL_AUC, Decision, Lead, auc_words, decide, name, speed_words
from wideload.reports.findings.evidence import sureness
from wideload.reports.findings.race import Race, throughput

EACH = 3

_FLAGGED = {
    FlagKind.BACKGROUND_LOAD: "ran on a machine that was busy with something else",
    FlagKind.UNCLEAN_EXIT: "had a rank that did not exit cleanly",
    FlagKind.NOT_SETTLED: "had not settled when the clock started; raise warmup_steps",
    FlagKind.ONE_CLASS: "had held-out labels of one class, and so no AUC",
    FlagKind.NOT_FINITE: "made predictions that are not finite, and so have no AUC",
    FlagKind.OTHER: "were flagged",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """``headline``: one sentence or clause per setting. ``details``: what qualifies it, a sentence each."""

    headline: str
    details: tuple[str, ...]


def answer(race: Race, decisions: Sequence[Decision]) -> Answer:
    ranked = [decision for decision in decisions if decision.winner]
    if not ranked:
        return Answer("No case finished that could be ranked.", tuple(_caveats(race)))
    qualified = (*_distributed(race, ranked), *_ceiling(ranked), *_caveats(race))
    if len(ranked) == 1:
        return Answer(_one(ranked[0]), (*_rivals(ranked[0]), *qualified))
    return Answer(_many(ranked), (*_ranges(ranked), *qualified))


def _distributed(race: Race, ranked: Sequence[Decision]) -> list[str]:
    """The same question among those that distribute, where a single process won somewhere."""
    if all(decision.winner and decision.winner.distributed for decision in ranked):
        return []
    among = [decision for decision in decide(race, lambda group: group.distributed) if decision.leads]
    if not among:
        return []
    sentence = _one(among[0]) if len(among) == 1 else _many(among)
    return [
        f"Of those that distribute: {sentence.replace('In ', 'in ', 1) if sentence.startswith('In ') else sentence}"
    ]


def _one(decision: Decision) -> str:
    lead = decision.closest
    assert decision.winner is not None
    winner = name(decision.winner)
    if lead is None:
        speed = quantity.rate(decision.winner.middle(throughput))
        return f"{winner} trains {speed}. There is nothing to compare it with."
    if lead.speed is None:
        sentence = f"{winner} had the highest throughput, but shares no round with {name(lead.rival)}"
    else:
        few = sureness(lead.speed) == "too few rounds"
        sentence = (f"In {_rounds(lead.speed.pairs)}, " if few else "") + _speed(decision)
    return ", ".join([sentence, *_costs(lead)]) + "."


def _speed(decision: Decision) -> str:
    """Winner against rival, in the words that their ratio supports: ``is``, ``ran``, or no difference."""
    lead = decision.closest
    assert decision.winner is not None
    assert lead is not None
    assert lead.speed is not None
    winner, rival = name(decision.winner), name(lead.rival)
    if decision.clear:
        return f"{winner} is {speed_words(lead)} as fast as {rival}"
    if sureness(lead.speed) == "too few rounds":
        return f"{winner} ran {speed_words(lead)} as fast as {rival}"
    return f"{winner} and {rival} are equally fast as far as can be told ({speed_words(lead)})"


def _costs(lead: Lead) -> list[str]:
    costs = []
    if lead.memory is not None:
        costs.append(f"uses {quantity.factor(lead.memory)} its memory")
    if lead.auc is not None:
        costs.append(f"AUC {auc_words(lead.auc)}")
    return costs


def _rivals(decision: Decision) -> list[str]:
    """One sentence on the rivals that the headline does not name."""
    others = [lead for lead in decision.leads if lead.speed and lead is not decision.closest]
    parts = [f"{speed_words(lead)} as fast as {name(lead.rival)}" for lead in others]
    return [f"It ran {_listing(parts)}."] if parts else []


def _many(ranked: Sequence[Decision]) -> str:
    wins = Counter(text.label(decision.winner.entrant.strategy) for decision in ranked if decision.winner)
    (first, number), *rest = wins.most_common()
    total = len(ranked)
    if rest and total <= EACH and all(decision.closest and decision.closest.speed for decision in ranked):
        return _each(ranked)
    unclear = sum(decision.verdict == "undecided" for decision in ranked)
    if not rest:
        sentence = f"{first} is the fastest in {'both' if total == 2 else f'all {total}'} settings"
    else:
        others = _listing([f"{other} in {wins[other]}" for other, _ in rest])
        sentence = f"{first} is the fastest in {number} of {total} settings, {others}"
    sentence += _margin(ranked)
    if unclear:
        sentence += f"; the lead is not clear in {'any' if unclear == total else unclear}"
    return sentence + "."


def _each(ranked: Sequence[Decision]) -> str:
    """A clause per setting, which goes by its data where that is enough."""
    data = Counter(decision.setting.data_label for decision in ranked)
    clauses = []
    for decision in ranked:
        setting = decision.setting
        where = setting.data_label if data[setting.data_label] == 1 else setting.label
        clauses.append(f"{_speed(decision)} on {text.label(where)}")
    return "; ".join(clauses) + "."


def _margin(ranked: Sequence[Decision]) -> str:
    """``, 1.4× to 2.0× as fast as horovod``; rivals that differ are called the next strategy."""
    leads = [lead for decision in ranked if (lead := decision.closest) and lead.speed]
    factors = [lead.speed.median for lead in leads if lead.speed]
    if not factors:
        return ""
    rivals = {text.label(lead.rival.entrant.strategy) for lead in leads}
    low, high = quantity.factor(min(factors)), quantity.factor(max(factors))
    return (
        f", {low if low == high else f'{low} to {high}'} as fast as {rivals.pop() if len(rivals) == 1 else 'the next'}"
    )


def _ranges(ranked: Sequence[Decision]) -> list[str]:
    leads = [lead for decision in ranked for lead in decision.leads]
    gaps = [abs(lead.auc) for lead in leads if lead.auc is not None]
    memory = [lead.memory for decision in ranked if (lead := decision.closest) and lead.memory is not None]
    sentences = []
    if memory:
        low, high = quantity.factor(min(memory)), quantity.factor(max(memory))
        sentences.append(f"The fastest uses {low if low == high else f'{low} to {high}'} the memory of the next.")
    if gaps and max(gaps) <= EQUAL_AUC:
        sentences.append(f"AUC is {auc_words(max(gaps))} among all ranked entrants of every setting.")
    elif gaps:
        sentences.append(f"AUC differs from the winner's by up to {max(gaps):.4f}.")
    return sentences


def _ceiling(ranked: Sequence[Decision]) -> list[str]:
    shares = [decision.share for decision in ranked if decision.share is not None]
    if not shares:
        return []
    low, high = f"{min(shares):.0%}", f"{max(shares):.0%}"
    return [f"The fastest reaches {low if low == high else f'{low} to {high}'} of what the dense tower does alone."]


def _few_rounds(race: Race) -> str:
    """Says how many rounds there were when no ratio of the run can have an interval."""
    most = max((len(group.ok) for group in race.groups if group.unranked is None), default=0)
    if not 0 < most < FEWEST_PAIRS:
        return ""
    return f"Measured in {_rounds(most)}: how sure that is cannot be said, an interval needs {FEWEST_PAIRS}."


def _rounds(number: int) -> str:
    return "one round" if number == 1 else f"{number} rounds"


def _caveats(race: Race) -> list[str]:
    """What a reader must know before believing the rest."""
    runs = [run for run in race.results.runs if run.kind == "train"]
    broken = Counter(run.status for run in runs if run.status != "ok")
    sentences = [_few_rounds(race)] if _few_rounds(race) else []
    if broken:
        kinds = _listing([f"{number} {status}" for status, number in sorted(broken.items())])
        sentences.append(f"Of {quantity.count(len(runs), 'case')}: {kinds}.")
    parity = {text.label(group.entrant.label) for group in race.groups if (group.unranked or "").startswith("parity")}
    if parity:
        sentences.append(f"Not ranked, because the losses do not follow the reference: {_listing(sorted(parity))}.")
    return sentences + _flags(runs)


def _flags(runs: Sequence[RunRecord]) -> list[str]:
    """How many cases were flagged, a sentence for every kind of flag that occurs."""
    kinds = Counter(kind for run in runs for kind in {flag.kind for flag in run.flagged})
    of = f"of {quantity.count(len(runs), 'case')}"
    return [f"{kinds[kind]} {of} {words}." for kind, words in _FLAGGED.items() if kinds[kind]]


def _listing(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
