"""The first screen in words: the headline and what qualifies it, composed only from what the data supports.

What was not measured is not mentioned; what is not clear is called not clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wideload.harness.analysis.statistics import FEWEST_PAIRS
from wideload.harness.records.results import FlagKind, RunRecord
from wideload.reports import quantity
from wideload.reports.findings.decision import EQUAL_AUC, Decision, auc_words, decide, name, speed_words
from wideload.reports.findings.headline import costs, headline, listing, lowered, rounds
from wideload.reports.findings.race import Race, UnrankedKind

_FLAGGED = {
    FlagKind.OVERSUBSCRIBED: "had more compute threads than cores, and did not count",
    FlagKind.THROTTLED: "waited for the CPU quota of a container, and did not count",
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
    """The first screen; ``decisions`` are those of the race."""
    ranked = [decision for decision in decisions if decision.leader]
    if not ranked:
        return Answer("No case finished that could be ranked.", tuple(_caveats(race)))
    own = _rivals(ranked[0]) if len(ranked) == 1 else _ranges(ranked)
    return Answer(headline(ranked), (*own, *_distributed(race, ranked), *_ceiling(ranked), *_caveats(race)))


def _distributed(race: Race, ranked: Sequence[Decision]) -> list[str]:
    """The same question among the strategies that distribute, where a single process leads somewhere."""
    if all(decision.leader and decision.leader.distributed for decision in ranked):
        return []
    among = [decision for decision in decide(race, lambda group: group.distributed) if decision.leads]
    return [f"Of those that distribute: {lowered(headline(among))}"] if among else []


def _rivals(decision: Decision) -> list[str]:
    """What the headline of one setting leaves out: the price of a lead that is not clear, and the other rivals."""
    lead = decision.closest
    if lead is None or decision.leader is None:
        return []
    leader = name(decision.leader)
    price = costs(lead)
    sentences = []
    if price and not decision.clear:
        sentences.append(f"{leader} compared with {name(lead.rival)}: {', '.join(price)}.")
    others = [each for each in decision.leads if each.speed and each is not lead]
    parts = [f"{speed_words(each)} as fast as {name(each.rival)}" for each in others]
    return sentences + ([f"{'It' if decision.clear else leader} ran {listing(parts)}."] if parts else [])


def _ranges(ranked: Sequence[Decision]) -> list[str]:
    """Memory and AUC over several settings."""
    leads = [lead for decision in ranked for lead in decision.leads]
    gaps = [abs(lead.auc) for lead in leads if lead.auc is not None]
    memory = [lead.memory for decision in ranked if (lead := decision.closest) and lead.memory is not None]
    sentences = []
    if memory:
        span = _span(memory, quantity.factor)
        sentences.append(f"{_leader(ranked).capitalize()} uses {span} the memory of the next.")
    if gaps and max(gaps) <= EQUAL_AUC:
        sentences.append(f"AUC is {auc_words(max(gaps))} among all ranked entrants of every setting.")
    elif gaps:
        sentences.append(f"AUC differs by up to {max(gaps):.4f} from that of {_leader(ranked)}.")
    return sentences


def _leader(ranked: Sequence[Decision]) -> str:
    """What to call the leaders: the fastest, if every lead is clear."""
    return "the fastest" if all(decision.winner for decision in ranked) else "the entrant with the highest throughput"


def _ceiling(ranked: Sequence[Decision]) -> list[str]:
    shares = [decision.share for decision in ranked if decision.share is not None]
    if not shares:
        return []
    return [
        f"{_leader(ranked).capitalize()} reaches {_span(shares, '{:.0%}'.format)} of what the dense tower does alone."
    ]


def _span(values: Sequence[float], words: Callable[[float], str]) -> str:
    """``1.2× to 1.4×``, or one value when both ends read the same."""
    low, high = words(min(values)), words(max(values))
    return low if low == high else f"{low} to {high}"


def _few_rounds(race: Race) -> str:
    """Says how many rounds there were when no ratio of the run can have an interval."""
    most = max((len(group.ok) for group in race.groups if group.unranked is None), default=0)
    if not 0 < most < FEWEST_PAIRS:
        return ""
    return f"Measured in {rounds(most)}: how sure that is cannot be said, an interval needs {FEWEST_PAIRS}."


def _caveats(race: Race) -> list[str]:
    """What a reader must know before believing the rest."""
    runs = [run for run in race.results.runs if run.kind == "train"]
    broken = Counter(run.status for run in runs if run.status != "ok")
    sentences = [_few_rounds(race)] if _few_rounds(race) else []
    if broken:
        kinds = listing([f"{number} {status}" for status, number in sorted(broken.items())])
        sentences.append(f"Of {quantity.count(len(runs), 'case')}: {kinds}.")
    parity = {name(group) for group in race.groups if group.unranked and group.unranked.kind is UnrankedKind.PARITY}
    if parity:
        sentences.append(f"Not ranked, because the losses do not follow the reference: {listing(sorted(parity))}.")
    return sentences + _flags(runs)


def _flags(runs: Sequence[RunRecord]) -> list[str]:
    """How many cases were flagged, a sentence for every kind of flag that occurs."""
    kinds = Counter(kind for run in runs for kind in {flag.kind for flag in run.flagged})
    of = f"of {quantity.count(len(runs), 'case')}"
    return [f"{kinds[kind]} {of} {words}." for kind, words in _FLAGGED.items() if kinds[kind]]
