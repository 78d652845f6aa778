"""The input of the signature ``raw`` that each field of a data set has: a field may have any name, an input may not.

TensorFlow accepts as an input's name what Python accepts as a parameter's, in ASCII, and tells two names apart only
where they differ in more than case.

==============================  =========================================================
a field                         its input
==============================  =========================================================
``age``                         ``age``: what is possible stays
``site.id``, ``user id``        ``site_id``, ``user_id``
``1st``, ``_x``, ``class``      ``arg_1st``, ``arg__x``, ``arg_class``
a name without ASCII letters    ``arg_5``: its position, counted from 1
``Price``, then ``price``       ``Price``, ``price_2``
==============================  =========================================================
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

_RESERVED = {"self"}  # a loaded signature is a method, whose own parameter this is


def input_names(fields: Iterable[str]) -> dict[str, str]:
    """The input's name for every field.

    The result depends on the names and their order alone. Names that are possible as they are come first, so no other
    field can take them.
    """
    ordered = list(fields)
    found: dict[str, str] = {}
    taken: set[str] = set()
    proposals = [(name, _possible(name, place)) for place, name in enumerate(ordered, start=1)]
    for name, proposal in sorted(proposals, key=lambda pair: pair[0] != pair[1]):
        found[name] = _unused(proposal, taken)
        taken.add(found[name].casefold())
    return {name: found[name] for name in ordered}


def _possible(name: str, place: int) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not plain.strip("_"):
        return f"arg_{place}"
    reserved = keyword.iskeyword(plain) or plain in _RESERVED
    return f"arg_{plain}" if reserved or not plain[0].isalpha() else plain


def _unused(proposal: str, taken: set[str]) -> str:
    name, number = proposal, 2
    while name.casefold() in taken:
        name, number = f"{proposal}_{number}", number + 1
    return name
