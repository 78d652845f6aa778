"""The findings that all three outputs share."""

from __future__ import annotations

from dataclasses import dataclass

from wideload.harness.records.results import Results
from wideload.reports.findings.answer import Answer, answer
from wideload.reports.findings.decision import Decision, decide
from wideload.reports.findings.race import Race


@dataclass(frozen=True, slots=True)
class Summary:
    """What all outputs print."""

    race: Race
    decisions: tuple[Decision, ...]
    answer: Answer

    @classmethod
    def of(cls, results: Results) -> Summary:
        race = Race.of(results)
        decisions = tuple(decide(race))
        return cls(race, decisions, answer(race, decisions))
