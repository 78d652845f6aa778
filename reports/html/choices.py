"""What the filters of a page offer: data sets, ranks, strategies, and the values of every option that varies.

A record names the options that differ from their defaults, so one that is not named has its default. An option belongs
to the strategies that use it: a filter on ``mode`` hides nothing of a strategy that has no ``mode``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from wideload.reports import text
from wideload.reports.findings import naming
from wideload.reports.findings.race import Race

DEFAULT = "default"
PLAIN = re.compile(r"[\w-]{1,32}")


@dataclass(frozen=True, slots=True)
class Filter:
    """``name`` appears in the address; a choice is identified by its index in ``choices``.

    ``of``: for an option, the index of every entrant's value; None where the strategy does not have the option.
    """

    name: str
    title: str
    choices: tuple[str, ...]
    of: tuple[int | None, ...] = ()


def filters(race: Race) -> list[Filter]:
    """The filters that have at least two choices."""
    ranks = sorted({setting.ranks for setting in race.settings})
    offered = [
        Filter("data", "Data", tuple(data_labels(race))),
        Filter("ranks", "Ranks", tuple(map(str, ranks))),
        Filter("strategy", "Strategy", tuple(dict.fromkeys(entrant.strategy for entrant in race.entrants))),
        *options(race),
    ]
    return [each for each in offered if len(each.choices) > 1]


def options(race: Race) -> list[Filter]:
    """One filter for each option that has several values."""
    recorded = [json.loads(entrant.options) for entrant in race.entrants]
    users: dict[str, set[str]] = {}
    for entrant, values in zip(race.entrants, recorded, strict=True):
        for key in values:
            users.setdefault(key, set()).add(entrant.strategy)
    made = []
    for place, key in enumerate(sorted(users)):
        used = [entrant.strategy in users[key] for entrant in race.entrants]
        shown = [_value(values, key) if uses else None for values, uses in zip(recorded, used, strict=True)]
        values = sorted({value for value in shown if value is not None}, key=lambda value: (value != DEFAULT, value))
        name = f"option.{key if PLAIN.fullmatch(key) else place}"
        of = tuple(None if value is None else values.index(value) for value in shown)
        made.append(Filter(name, text.label(key, 32), tuple(values), of))
    return [each for each in made if len(each.choices) > 1]


def data_labels(race: Race) -> list[str]:
    """Labels of the data sets, in the order of the settings."""
    return list({setting.dataset: setting.data_label for setting in race.settings}.values())


def _value(options: dict[str, Any], key: str) -> str:
    if key not in options:
        return DEFAULT
    value = options[key]
    return value if isinstance(value, str) else naming.canonical(value)
