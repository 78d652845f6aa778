"""A verification in a terminal: the answer, a line for every claim, and why some have no verdict."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from wideload.reports.findings.claims import Verdict
from wideload.reports.findings.verification import Verification
from wideload.reports.html.verification import change_words
from wideload.terminal import table, words

HEAD = ("setting", "strategy", "claim", "bundle", "here", "here / bundle", "verdict")


def listed(verification: Verification) -> list[Table | Text]:
    """What ``wideload verify`` prints."""
    rows, faint = [], []
    for place, each in enumerate(verification.findings):
        verdict = f"{each.verdict}: {each.reason}" if each.reason else str(each.verdict)
        rows.append((each.setting, each.entrant, each.subject, each.claimed, each.here, change_words(each), verdict))
        faint += [place] if each.verdict is Verdict.INCOMPARABLE else []
    head = [words(verification.headline, "bold"), *map(words, verification.details), words("")]
    return [*head, table(HEAD, rows, numbers=HEAD[3:6], faint=faint)]
