"""Which column is the time of a row.

Times are ISO 8601 text; and integers whose name speaks of time and that count seconds, or parts of them, since 1970, or
are written like 2026110823. Other dates are recognised, so that it can be said that they are not read.
"""

from __future__ import annotations

import pyarrow as pa

from wideload.datasets.detect.profile import INTEGER, Profile
from wideload.datasets.readers.convert.derive import part_of
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.times import times, unit_of
from wideload.datasets.readers.convert.typed import mask_of
from wideload.datasets.readers.layout import Part

_TOKENS = {"time", "timestamp", "ts", "date", "datetime", "at", "when", "hour", "created", "updated"}
_ISO = r"^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d.*)?$"
_OTHER = r"^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([T ,]+\d{1,2}:\d\d.*)?$"
_LOOKED_AT = 1000
_ENOUGH: dict[Part, int] = {"hour": 12, "weekday": 7}


def is_time(profile: Profile) -> bool:
    """Whether nearly all values are times that can be read."""
    if profile.lists or profile.distinct < 2:
        return False
    if profile.mostly(_ISO):
        words = profile.words[:_LOOKED_AT]
        return bool(mask_of(times(words, Missing()).values.is_valid()).mean() >= 0.99)
    return profile.mostly(INTEGER) and not _TOKENS.isdisjoint(profile.tokens) and _moments(profile.integers)


def parts(profile: Profile) -> dict[Part, int]:
    """How many different hours and weekdays a column of times has, where it has enough for a field."""
    found: dict[Part, int] = {}
    for part, least in _ENOUGH.items():
        try:
            number = len(part_of(profile.words, part, Missing()).values.drop_null().unique())
        except ValueError:  # numbers like 2026110823, of which no parts are read
            continue
        if number >= least:
            found[part] = number
    return found


def is_other_date(profile: Profile) -> bool:
    """Whether nearly all values are dates in a form that is not read."""
    return not profile.lists and profile.distinct > 1 and not is_time(profile) and profile.mostly(_OTHER)


def span(profile: Profile) -> str:
    """The first and the last time, for people."""
    typed = times(profile.words, Missing()).values
    values = typed.cast(pa.float64(), safe=False).to_pylist()
    known = [(value, word) for value, word in zip(values, profile.words.to_pylist(), strict=True) if value is not None]
    return f"{min(known)[1]} to {max(known)[1]}"


def _moments(values: list[int]) -> bool:
    """Whether integers count from 1970, or are years, months, days, ... written one after the other."""
    ends = values[0], values[-1]
    if all(unit_of(float(end)) is not None for end in ends):
        return True
    texts = [str(end) for end in ends]
    dated = all(len(text) in (8, 10, 12, 14, 17) and "1990" <= text[:4] <= "2100" for text in texts)
    return dated and all("01" <= text[4:6] <= "12" and "01" <= text[6:8] <= "31" for text in texts)
