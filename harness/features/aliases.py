"""Columns that would share rows by accident: refused when the model is set up.

A value ``v`` of a space is the sign ``Mix64(m ^ v)`` with ``m = Mix64(salt)`` (``native/table/hash.h``). ``Mix64`` is a
bijection, so values ``v`` and ``w`` of two spaces share a sign exactly if ``v ^ w == m1 ^ m2``. Values below ``2^b``
can do that only if ``m1 ^ m2 < 2^b``; then nearly every value of the smaller space does. For two names that is a chance
of ``2^(b - 64)``: small, but known as soon as the columns are, whereas hashes of 64 bits collide one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wideload.errors import ColumnError
from wideload.hashing import mix64_int, salt_of


def refuse_aliases(rows: Mapping[str, int | None]) -> None:
    """Checks the spaces of one table: ``rows`` has the number of values of each, None where they are 64-bit hashes.

    Raises:
        ColumnError: two spaces share signs.
    """
    places = {space: (mix64_int(salt_of(space)), bits_of(count)) for space, count in rows.items()}
    for first, second in aliases(places):
        raise ColumnError(
            f"columns {first!r} and {second!r} would share rows: their names give keys that are too similar. "
            f"Rename one of the two."
        )


def bits_of(rows: int | None) -> int:
    """How many low bits the values of a space use; hashes count as 0, since none of theirs is like another."""
    return max(rows - 1, 0).bit_length() if rows is not None else 0


def aliases(places: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Pairs of names whose ``(m, b)`` have ``m1 ^ m2 < 2^max(b1, b2)``; at least one if there is any."""
    for bits in sorted({bits for _, bits in places.values()}):
        alike: dict[int, list[str]] = {}
        for name, (mixed, own) in places.items():
            if own <= bits:
                alike.setdefault(mixed >> bits, []).append(name)
        for names in alike.values():
            widest = [name for name in names if places[name][1] == bits]
            yield from ((widest[0], name) for name in names if widest and name != widest[0])
