"""The report of a verification: a page in the design of the run's own report, without figures and so without script."""

from __future__ import annotations

from typing import Any

from wideload import __version__
from wideload.reports import quantity, text
from wideload.reports.findings.claims import Finding, Verdict
from wideload.reports.findings.verification import Verification
from wideload.reports.html import assets, page
from wideload.reports.html.render import environment, policy

_CLASSES = {Verdict.REPRODUCED: "sure", Verdict.NOT_REPRODUCED: "failed", Verdict.INCOMPARABLE: "unsure"}


def html(verification: Verification) -> str:
    """The page as text."""
    return (
        environment()
        .get_template("verification.html.j2")
        .render(
            version=__version__,
            policy=policy(),
            style=assets.style(),
            name=verification.name,
            kicker=page.kicker(verification.again.race.results),
            headline=verification.headline,
            details=verification.details,
            rows=[_row(finding) for finding in verification.findings],
            differences=verification.differences,
        )
    )


def change_words(finding: Finding) -> str:
    """``0.97× (0.95–1.01)``; a dash for what is no ratio."""
    ratio = finding.change
    if ratio is None:
        return quantity.MISSING
    interval = quantity.span(ratio.low, ratio.high)
    return quantity.factor(ratio.median) + (f" ({interval})" if interval else "")


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "setting": finding.setting,
        "entrant": finding.entrant,
        "subject": text.label(finding.subject),
        "claimed": finding.claimed,
        "here": finding.here,
        "change": change_words(finding),
        "verdict": str(finding.verdict),
        "kind": _CLASSES[finding.verdict],
        "reason": finding.reason,
    }
