"""A bundled run against a second run of it: the verdicts, and what was different about the second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wideload.harness.records.results import Results
from wideload.reports import text
from wideload.reports.findings.claims import Finding, Verdict, judge, summary
from wideload.reports.findings.summary import Summary


@dataclass(frozen=True, slots=True)
class Verification:
    """What all outputs print.

    Attributes:
        claimed, again: the two runs, summed up.
        findings: every claim with its verdict.
    """

    name: str
    claimed: Summary
    again: Summary
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, name: str, claimed: Results, again: Results) -> Verification:
        """Judges every claim of the run ``claimed``, which is called ``name``, by the run ``again``."""
        return cls(name, Summary.of(claimed), Summary.of(again), tuple(judge(claimed, again)))

    @property
    def headline(self) -> str:
        return summary(self.findings)

    @property
    def details(self) -> tuple[str, str]:
        """The two answers."""
        return f"The bundle says: {self.claimed.answer.headline}", f"Here: {self.again.answer.headline}"

    @property
    def passed(self) -> bool:
        """Whether something was reproduced, and nothing was not."""
        verdicts = {finding.verdict for finding in self.findings}
        return Verdict.REPRODUCED in verdicts and Verdict.NOT_REPRODUCED not in verdicts

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """What the environments do not share: name, value in the bundle, value here; empty where one has none."""
        there, here = (dict(_facts(summary.race.results)) for summary in (self.claimed, self.again))
        names = list(dict.fromkeys([*there, *here]))
        return [(name, there.get(name, ""), here.get(name, "")) for name in names if there.get(name) != here.get(name)]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "passed": self.passed,
            "summary": self.headline,
            "claims": [finding.as_json() for finding in self.findings],
            "differences": [dict(zip(("name", "bundle", "here"), row, strict=True)) for row in self.differences],
        }


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    """The environment, then every package with its version."""
    yield from text.flat({key: value for key, value in results.environment.items() if key != "packages"})
    lock = results.path / "packages.txt"
    for line in lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else ():
        name, _, version = line.partition("==")
        yield f"packages.{name}", version
