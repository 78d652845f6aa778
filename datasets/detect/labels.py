"""Which column is to be predicted, and when it is 1.

=========================  =========================================================================
column                     the label is 1 where
=========================  =========================================================================
0 and 1, true and false    it is 1
-1 and 1                   it is 1
two other texts            it is the one that says yes; otherwise the rarer one, which is a guess
a rating of up to 11 steps it is at least four fifths of the largest, which is a guess
other counts, by name      it is at least 1, which is a guess
=========================  =========================================================================

A column with the name of a label goes before others; without such a name the choice is a guess: of columns that say yes
and no, or 1 and 0, the first or the last of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wideload.datasets.detect.profile import NUMBER, Profile
from wideload.datasets.readers.layout import Label

_NAMES = """
    label click clicked is_click isclick clk is_clicked target y is_attributed convert converted conversion is_converted
    purchase purchased bought is_buy buy like liked response outcome churn income rating stars
"""
_YES = "1 true yes y t click clicked positive pos buy bought purchase +1 1.0 ja oui si sí sim tak да 是"
NAMES, YES = tuple(_NAMES.split()), frozenset(_YES.split())
"""Names of labels, the usual ones first, and values that say yes; in lower case."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may be the label.

    Attributes:
        why: when the label is 1, for people.
        sure: whether the rule is more than a guess.
        named: whether the name is that of a label.
    """

    column: str
    label: Label
    why: str
    sure: bool
    named: bool


def candidates(profiles: Sequence[Profile]) -> list[Candidate]:
    """The columns that may be the label, the best first: by name, by how sure the rule is, the first and the last."""
    found = [one for profile in profiles if (one := candidate(profile)) is not None]
    names = {name: place for place, name in enumerate(NAMES)}
    places = {profile.name: -place if place else -len(profiles) for place, profile in enumerate(profiles)}
    return sorted(found, key=lambda one: (names.get(_plain(one.column), len(names)), not one.sure, places[one.column]))


def candidate(profile: Profile) -> Candidate | None:
    """A column as a label; None where it cannot be one."""
    named = _plain(profile.name) in NAMES
    if profile.lists or not profile.distinct or profile.missing > 0.01 * profile.rows:
        return None
    words = [word.lower() for word in profile.words.to_pylist()] if profile.distinct <= 2 else []
    if words and set(words) <= {"0", "1", "0.0", "1.0", "true", "false"} and (named or len(words) == 2):
        return Candidate(profile.name, Label(column=profile.name), _rate(profile, {"1", "1.0", "true"}), True, named)
    if set(words) == {"-1", "1"} or set(words) == {"-1", "+1"}:
        label = Label(column=profile.name, at_least=1)
        return Candidate(profile.name, label, _rate(profile, {"1", "+1"}), True, named)
    if len(words) == 2:
        return _of_words(profile, named)
    if named and profile.mostly(NUMBER):
        return _of_numbers(profile)
    return None


def _of_words(profile: Profile, named: bool) -> Candidate:
    words = profile.words.to_pylist()
    saying = [word for word in words if word.lower() in YES]
    one = saying[0] if len(saying) == 1 else words[1]
    other = next(word for word in words if word != one)
    label = Label(column=profile.name, positive=(one,), allowed=(other,))
    return Candidate(profile.name, label, _rate(profile, {one.lower()}), len(saying) == 1, named)


def _of_numbers(profile: Profile) -> Candidate:
    high = float(profile.floats.max())
    bound = 0.8 * high if _plain(profile.name) in ("rating", "stars") and profile.distinct <= 11 else 1.0
    label = Label(column=profile.name, at_least=bound)
    return Candidate(profile.name, label, f"1 where it is at least {bound:g} of {high:g}", False, True)


def _rate(profile: Profile, ones: set[str]) -> str:
    words = profile.words.to_pylist()
    count = sum(int(n) for word, n in zip(words, profile.counts, strict=True) if word.lower() in ones)
    shown = next((word for word in words if word.lower() in ones), "1")
    return f"{shown} in {count / profile.present:.2%} of the rows, otherwise 0"


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")
