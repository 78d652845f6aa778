"""Zipf-distributed ids over any vocabulary, drawn by inverting a distribution function that needs no table.

The continuous density ``x ** -s`` on ``[1, V + 1)`` has the inverse distribution function ::

    x(u) = (1 + u * ((V + 1) ** (1 - s) - 1)) ** (1 / (1 - s))          s = 1:  (V + 1) ** u

and ``floor(x)`` is the popularity rank, 1 to V. P(k) is the integral of ``x ** -s`` over ``[k, k + 1)``, which
decreases with k as ``k ** -s`` does. An affine bijection modulo V maps ranks to ids, so popular ids are spread over the
vocabulary.
"""

from __future__ import annotations

import math

import numpy as np

from wideload.arrays import Doubles, Integers
from wideload.datasets.counter_rng import salt

_ALMOST_ONE = 1e-6


class Zipf:
    """One distribution per column.

    Args:
        vocabularies: int64 ``[C]``.
        exponents: float64 ``[C]``.
        keys: one integer per column; columns with equal keys map ranks to ids in the same way.
    """

    def __init__(self, vocabularies: Integers, exponents: Doubles, keys: list[int]) -> None:
        self._sizes = vocabularies
        self._size = int(vocabularies[0]) if len(set(vocabularies.tolist())) == 1 else None
        power = np.where(np.abs(1.0 - exponents) < _ALMOST_ONE, _ALMOST_ONE, 1.0 - exponents)
        self._inverse = 1.0 / power
        self._span = np.expm1(power * np.log1p(vocabularies.astype(np.float64)))
        factors = [_coprime(salt(key, 1), int(size)) for key, size in zip(keys, vocabularies, strict=True)]
        self._factor = np.array(factors, dtype=np.uint64)
        self._shift = np.array([salt(key, 2) for key in keys], dtype=np.uint64) % vocabularies.astype(np.uint64)

    def log_ranks(self, uniform: Doubles) -> Doubles:
        """Returns the logarithms of continuous ranks for numbers in [0, 1): float64 ``[n, C]``."""
        logs: Doubles = np.log1p(uniform * self._span)
        logs *= self._inverse
        return logs

    def ranks(self, log_ranks: Doubles) -> Integers:
        """Returns popularity ranks, which count from 0: int64 ``[n, C]``."""
        ranks: Integers = np.minimum(np.exp(log_ranks).astype(np.int64) - 1, self._sizes - 1)
        return ranks

    def ids(self, ranks: Integers) -> Integers:
        """Returns ids in ``[0, V)``: int64, same shape."""
        spread = ranks.view(np.uint64) * self._factor + self._shift
        if self._size is not None:  # dividing by a scalar is several times faster
            size = np.uint64(self._size)
            spread -= spread // size * size
            return spread.view(np.int64)
        spread %= self._sizes.astype(np.uint64)
        return spread.view(np.int64)


def _coprime(word: int, size: int) -> int:
    """Returns a factor below 2**31 that is coprime to ``size``; it is small enough that rank * factor fits 64 bits."""
    factor = word % (2**31) | 1
    while math.gcd(factor, size) != 1:
        factor += 2
    return factor
