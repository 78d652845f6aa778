"""What a column is to the model: a number, a category, a list of categories, or nothing.

=================================  ====================================================================================
nearly all values are              read as
=================================  ====================================================================================
numbers with a fraction            ``number``
integers                           ``number`` where the name says so (age, price, count), ``id`` or ``integer`` where it
                                   says that (user_id, hour, zip), otherwise by what is seen: few different ones are
                                   categories, small or heavy-tailed ones numbers. That is a guess.
hexadecimal words of one length    ``hex``
texts with a separator between     lists of ``text`` or ``integer``; the separator is one of ``| ; ^``, or a comma or a
parts that occur again             blank between single words
other texts                        ``text``
=================================  ====================================================================================

Left out is what has one value, or another in (nearly) every row, or is free text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from wideload.datasets.detect.profile import HEX, INTEGER, NUMBER, Profile
from wideload.datasets.readers.layout import InputField, Kind

_CATEGORIES = """
    id ids user item movie ad ads campaign creative advertiser publisher device os channel app site domain ip hash code
    type kind class category cat group cluster segment zip postal region city country state weekday dow day hour month
    slot pos position rank gender sex occupation browser version model brand product sku shop store merchant feature
    format visibility exchange
"""
_NUMBERS = """
    age price bid cost amount count counts cnt num number total sum size width height length duration seconds minutes
    hours days score rate ratio share distance weight income salary gain loss balance quantity qty views clicks
    impressions temperature percent pct budget year years stars rating popularity affinity speed ctr tenure visits value
"""
CATEGORIES, NUMBERS = frozenset(_CATEGORIES.split()), frozenset(_NUMBERS.split())
"""Words in the name of a column of integers, and what they are then."""

_FEW = 20
_SMALL = 1000
_HEAVY = 50
_COUNTED = 1_000_000
"""Integers below this are ids that count from 0; larger ones are hashed."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a column is read as.

    Attributes:
        field: None where the column is left out.
        why: what was seen, for people.
        sure: whether it is more than a guess.
    """

    column: str
    field: InputField | None
    why: str
    sure: bool = True


def chosen(profile: Profile, kind: Kind) -> Described:
    """A column of a kind that was chosen."""
    return _made(profile, kind, _range(profile) if kind == "number" else _seen(profile))


def describe(profile: Profile, whole: bool, known: Kind | None = None) -> Described:
    """What a column is read as.

    Args:
        profile: of the column.
        whole: whether it holds all rows of the file, or only the first.
        known: its kind, where the data set is known; the column is left out all the same where it has one value.
    """
    why = _useless(profile, whole)
    if why and (known is None or profile.distinct <= 1):
        return Described(profile.name, None, why)
    if known is not None:
        return chosen(profile, known)
    if profile.lists:
        return _list(profile, None)
    if profile.mostly(INTEGER):
        return _integers(profile)
    if profile.mostly(NUMBER):
        return _made(profile, "number", _range(profile))
    if _is_hex(profile):
        return _made(profile, "hex", f"hexadecimal words, {_different(profile)}")
    separator = _separator(profile)
    if separator is not None:
        return _list(profile.split(separator), separator)
    return _made(profile, "text", _seen(profile))


def with_weights(described: list[Described], profiles: Mapping[str, Profile]) -> list[Described]:
    """Gives a list field the column that holds one number per value as its weights, and takes that column away."""
    found = {one.column: one for one in described}
    for one in described:
        if one.field is None or not one.field.lists or found[one.column].field is None:
            continue
        others = [other for other in described if other.column != one.column]
        weights = next((o.column for o in others if _weighs(profiles[o.column], profiles[one.column], one.field)), None)
        if weights is not None and found[weights].field is not one.field:
            field = one.field.changed(weights=weights, multi_valued=one.field.multi_valued)
            found[one.column] = Described(one.column, field, f"{one.why}; weighted by {weights}", one.sure)
            found[weights] = Described(weights, None, f"the weights of {one.column}")
    return list(found.values())


def _weighs(weights: Profile, values: Profile, field: InputField) -> bool:
    """Whether a column has one number for each value of a list field."""
    if not field.lists or not (weights.lists or field.separator) or weights.lists != values.lists:
        return False
    if field.separator and not values.lists:
        weights, values = weights.split(field.separator), values.split(field.separator)
    named = bool(set(weights.tokens) & {"weight", "weights", "score", "scores"})
    if not weights.mostly(NUMBER) or (weights.mostly(INTEGER) and not named):
        return False
    ours, theirs = (_lengths(one) for one in (weights, values))
    return bool((ours == theirs).mean() >= 0.99 and theirs.max(initial=0) > 1)


def _lengths(profile: Profile) -> Any:
    return pc.fill_null(pc.list_value_length(profile.cells), 0).to_numpy(zero_copy_only=False)


def _useless(profile: Profile, whole: bool) -> str:
    """Why no model can learn from a column; empty where one might."""
    if not profile.distinct:
        return "no value" if whole else "no value in the first rows"
    if profile.distinct == 1 and whole and not profile.missing:
        return f"one value only: {profile.examples(1)}"
    if profile.lists or profile.present < 50:
        return ""
    measured = profile.mostly(NUMBER) and not (profile.mostly(INTEGER) and not _says(profile, NUMBERS))
    if profile.distinct > 0.5 * profile.present and profile.share(r"\S+\s+\S+\s+\S+") > 0.5:
        return "free text"
    unique = 0.95 if whole else 1.0
    return "another value in every row" if profile.distinct >= unique * profile.present and not measured else ""


def _integers(profile: Profile) -> Described:
    kind: Kind = "id" if _counts_from_0(profile) else "integer"
    if profile.distinct <= 2 or _says(profile, CATEGORIES):
        return _made(profile, kind, _seen(profile))
    if _says(profile, NUMBERS):
        return _made(profile, "number", _range(profile))
    high, middle = profile.integers[-1], abs(profile.integers[len(profile.integers) // 2])
    if profile.distinct <= _FEW:
        return _made(profile, kind, _seen(profile), sure=False)
    if high < _SMALL or high > _HEAVY * middle:
        return _made(profile, "number", _range(profile), sure=False)
    return _made(profile, kind, _seen(profile), sure=False)


def _says(profile: Profile, words: frozenset[str]) -> bool:
    """Whether a name speaks of numbers or of categories; its last word that speaks of either decides."""
    known = [token for token in profile.tokens if token in CATEGORIES | NUMBERS]
    return bool(known) and known[-1] in words


def _counts_from_0(profile: Profile) -> bool:
    return bool(profile.integers) and profile.integers[0] >= 0 and profile.integers[-1] < _COUNTED


def _is_hex(profile: Profile) -> bool:
    lengths = {len(word) for word in profile.words.to_pylist()}
    return len(lengths) == 1 and profile.share(HEX) == 1.0


def _separator(profile: Profile) -> str | None:
    """The text between the parts of a list, or None where the column holds single values."""
    for separator in ("|", ";", "^", ",", " "):
        with_it = profile.share(_escaped(separator))
        if with_it < 0.05:
            continue
        again = profile.recurrence(separator)
        if separator in "|;^" and again >= 1.5:
            return separator
        pattern = INTEGER if separator == " " else r"^[\w.:/#-]{1,40}$"
        if separator in ", " and again >= 2 and with_it >= 0.2 and not profile.share(r", "):
            return separator if profile.split(separator).mostly(pattern) else None
    return None


def _escaped(separator: str) -> str:
    return f"[{separator}]" if separator != "^" else r"\^"


def _list(parts: Profile, separator: str | None) -> Described:
    """A field with several values; lists of numbers with a fraction are none."""
    whole = parts.mostly(INTEGER)
    if parts.mostly(NUMBER) and not whole:
        return Described(parts.name, None, "lists of numbers, which are no field")
    kind: Kind = ("id" if _counts_from_0(parts) else "integer") if whole else "text"
    length = parts.present / max(1, parts.rows)
    how = f"up to {_lengths(parts).max(initial=0)} values a row, {length:.1f} on average"
    field = _field(parts.name, kind, separator=separator, multi_valued=separator is None)
    return Described(parts.name, field, f"{how}; {_seen(parts)}")


def _made(profile: Profile, kind: Kind, why: str, sure: bool = True) -> Described:
    return Described(profile.name, _field(profile.name, kind), why, sure)


def _field(column: str, kind: Kind, **more: Any) -> InputField:
    """The field of a column; the one name that no field may have is changed."""
    name = "label_" if column == "label" else column
    return InputField(name=name, column=None if name == column else column, kind=kind, **more)


def _seen(profile: Profile) -> str:
    return f"{_different(profile)}: {profile.examples()}" + _gaps(profile)


def _different(profile: Profile) -> str:
    return f"{profile.distinct:,} different"


def _range(profile: Profile) -> str:
    low, high = np.min(profile.floats, initial=np.inf), np.max(profile.floats, initial=-np.inf)
    return f"{low:.6g} to {high:.6g}" + _gaps(profile)


def _gaps(profile: Profile) -> str:
    return f"; {profile.missing / profile.rows:.1%} missing" if profile.missing else ""
