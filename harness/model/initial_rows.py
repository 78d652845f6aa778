"""The initial rows of a table: a pure function of (seed, layout).

Replicated strategies fill their variables with them; the sparse table creates the same rows on the first pull. Row
``i`` of a variable and the row of sign ``table_signs(table)[i]`` are one and the same. The function is specified in
``native/table/initializer.h``; a test compares this version of it with the native one.
"""

from __future__ import annotations

import math

import numpy as np

from wideload.arrays import Floats, Integers, Words
from wideload.harness.features.layout import TableLayout
from wideload.harness.workload.columns import Initializer
from wideload.hashing import GOLDEN_GAMMA, mix64, mix64_int, salt_of

WIDE = "wide"
DEEP = "deep"
"""Names of a row's slices, which are inputs of the pure function."""

_CHUNK = 1 << 16
LOWER_TAIL = 0.022750131948179207


def initial_deep(table: TableLayout, keys: Integers, seed: int) -> Floats:
    """float32 ``[n, table.dim]``: the deep parts of the rows with these signs; pretrained rows where there are any."""
    rows = _drawn_deep(table, keys, seed)
    for slot in table.slots:
        if slot.pretrained is not None and len(slot.pretrained.signs):
            place = np.searchsorted(slot.pretrained.signs, keys).clip(max=len(slot.pretrained.signs) - 1)
            known = slot.pretrained.signs[place] == keys
            rows[known] = slot.pretrained.rows[place[known]]
    return rows


def _drawn_deep(table: TableLayout, keys: Integers, seed: int) -> Floats:
    rows = np.zeros((len(keys), table.dim), np.float32)
    start = table.initializer
    if start is None or start.kind == "zeros" or not table.dim:
        return rows
    key = mix64_int(mix64_int(seed ^ salt_of(table.name)) ^ salt_of(DEEP))
    for begin in range(0, len(keys), _CHUNK):
        row_keys = mix64(keys[begin : begin + _CHUNK].view(np.uint64) ^ np.uint64(key))
        steps = np.arange(table.dim, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA)
        rows[begin : begin + _CHUNK] = _drawn(start, mix64(row_keys[:, None] + steps), table.dim)
    return rows


def _drawn(start: Initializer, bits: Words, dim: int) -> Floats:
    if start.kind in {"uniform", "glorot"}:
        scale = np.float32(math.sqrt(3.0 / dim) if start.kind == "glorot" else start.scale)
        units = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23)
        uniform: Floats = (units - np.float32(1.0)) * scale
        return uniform
    return _normal(start, bits)


def _normal(start: Initializer, bits: Words) -> Floats:
    from scipy.special import ndtri  # type: ignore[import-untyped]

    units = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    if start.kind == "truncated_normal":
        units = LOWER_TAIL + (1.0 - 2.0 * LOWER_TAIL) * units
    drawn: Floats = (np.float32(start.scale) * ndtri(units)).astype(np.float32)
    return drawn
