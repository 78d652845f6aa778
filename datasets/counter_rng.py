"""Counter-based random numbers: a value is a function of its coordinates, so anyone can compute any of them.

Words are mixed by splitmix64's finaliser (:func:`wideload.hashing.finalise`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wideload.arrays import Words
from wideload.hashing import GOLDEN_GAMMA, MASK, finalise


def salt(*parts: int) -> int:
    """Mixes several integers into one 64-bit word; their order matters."""
    word = np.array([GOLDEN_GAMMA], dtype=np.uint64)
    for part in parts:
        word = finalise(word ^ np.uint64(part & MASK)) + np.uint64(GOLDEN_GAMMA)
    return int(word[0])


def unit(bits: Words) -> npt.NDArray[np.float64]:
    """The upper 53 bits as a number in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


class Shuffle:
    """A permutation of ``[0, size)`` that is computed, not stored: a four-round Feistel network, walked until inside.

    Args:
        size: number of elements; any.
        key: which permutation.
    """

    def __init__(self, size: int, key: int) -> None:
        self._size = size
        self._half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
        self._keys = [np.uint64(salt(key, turn)) for turn in range(4)]

    def __call__(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where each position goes: int64, same shape."""
        found = self._once(positions.astype(np.uint64))
        while (outside := found >= np.uint64(self._size)).any():
            found[outside] = self._once(found[outside])
        return found.astype(np.int64)

    def _once(self, words: Words) -> Words:
        half, mask = np.uint64(self._half), np.uint64((1 << self._half) - 1)
        left, right = words >> half, words & mask
        for key in self._keys:
            left, right = right, left ^ (finalise(right + key) & mask)
        return (left << half) | right
