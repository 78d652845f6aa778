"""A race to a target AUC in a terminal: the answer, and a line for every contestant."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from wideload.reports import quantity
from wideload.reports.findings.time_to_quality import TimeToQuality, gate_words
from wideload.reports.html.time_to_quality import mean_words
from wideload.terminal import table, words

HEAD = ("setting", "strategy", "seeds", "training", "with evaluation", "examples", "convergence")


def listed(race: TimeToQuality) -> list[Table | Text]:
    """What ``wideload race`` prints."""
    rows = [
        (
            heat.label,
            standing.label,
            f"{standing.reached} of {len(standing.finishes)}",
            mean_words(standing.seconds, quantity.seconds),
            mean_words(standing.clock_seconds, quantity.seconds),
            quantity.scaled(standing.examples.mean if standing.examples else None, ""),
            gate_words(standing.gate),
        )
        for heat in race.heats
        for standing in heat.standings
    ]
    return [words(race.headline, "bold"), *map(words, race.details), words(""), table(HEAD, rows, numbers=HEAD[2:6])]
