"""Where a strategy stands among the colours and symbols: the same place in every report.

The built-in strategies have fixed places. Any other strategy has a place from the hash of its name, among those that
are left; where two of them meet in one report, the later one takes the next place that is free. The options of an
entrant give it a variant: 0 without options, another number for every other set of options of the same strategy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wideload.hashing import salt_of

FIXED = (
    "local",
    "sparse_ps",
    "multi_worker_mirrored",
    "horovod",
    "tf_parameter_server",
    "mpi_allreduce",
    "horovod_alltoall",
)
COUNT = 8
"""Number of places before colours repeat."""


def places(strategies: Iterable[str]) -> dict[str, int]:
    """Place of every strategy: 0 to :data:`COUNT` - 1, and on from there when there are more strategies."""
    found = {name: FIXED.index(name) for name in strategies if name in FIXED}
    taken = set(range(len(FIXED)))
    for name in strategies:
        if name not in found:
            found[name] = _free(salt_of(name), taken)
            taken.add(found[name])
    return found


def variants(options: Sequence[str]) -> dict[str, int]:
    """Number of every set of options of one strategy, given as canonical JSON."""
    with_options = sorted(set(options) - {"{}"})
    return {"{}": 0} | {each: number for number, each in enumerate(with_options, start=1)}


def _free(preferred: int, taken: set[int]) -> int:
    """The first free place from the preferred one on; past the last one when all are taken."""
    own = range(len(FIXED), COUNT)
    start = preferred % len(own)
    free = [place for place in (*own[start:], *own[:start]) if place not in taken]
    return free[0] if free else max(taken) + 1
