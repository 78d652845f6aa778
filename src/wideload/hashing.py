"""64-bit hashes that are the same on every platform, in every run and in every process.

=================  ==================================================================
``mix64``          splitmix64's step; a bijection               = native ``Mix64``
``salt_of``        a salt from a name                           = native ``SaltOf``
``signs``          keys of the sparse table from values         = native ``SignOf``
``hash_integers``  of int64 values; a bijection
``hash_strings``   of UTF-8 strings: BLAKE2b, first 8 bytes, little-endian
``combine``        of a pair of hashes; order matters
=================  ==================================================================

The first three mirror ``native/table/hash.h``, and a test holds them to it. Everything works on whole arrays.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_MASK = 2**64 - 1
_GAMMA = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_BLOCK = 16384


def mix64(words: Words) -> Words:
    """Adds the golden gamma, then applies splitmix64's finaliser. Element-wise; returns a new array."""
    mixed = words + np.uint64(_GAMMA)
    flat = mixed.ravel(order="K")
    shifted = np.empty(min(flat.size, _BLOCK), np.uint64)
    # A block and its shifted copy stay in the cache through all passes.
    for begin in range(0, flat.size, _BLOCK):
        block = flat[begin : begin + _BLOCK]
        _finalise(block, shifted[: block.size])
    return mixed


def _finalise(words: Words, shifted: Words) -> None:
    """In place; ``shifted`` is room for as many words."""
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        np.multiply(words, np.uint64(factor), out=words)
    np.right_shift(words, np.uint64(31), out=shifted)
    np.bitwise_xor(words, shifted, out=words)


def mix64_int(word: int) -> int:
    """:func:`mix64` of one Python integer in ``[0, 2^64)``."""
    word = (word + _GAMMA) & _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def salt_of(name: str) -> int:
    """A salt in ``[0, 2^64)``: FNV-1a over the name's UTF-8 bytes, mixed."""
    word = 0xCBF29CE484222325
    for byte in name.encode():
        word = ((word ^ byte) * 0x100000001B3) & _MASK
    return mix64_int(word)


def signs(salt: int, values: Integers) -> Integers:
    """Keys of the sparse table, as int64 bits, of a slot's values."""
    return mix64(values.view(np.uint64) ^ np.uint64(mix64_int(salt))).view(np.int64)


def hash_integers(values: Integers) -> Integers:
    """Hashes of int64 values. A string and the integer that it spells have different hashes."""
    return mix64(values.view(np.uint64)).view(np.int64)


def hash_strings(values: Any) -> Integers:
    """Hashes of a pyarrow string array without nulls. Slow per value: call it on dictionaries, not on data."""
    digests = b"".join(hashlib.blake2b(value.encode(), digest_size=8).digest() for value in values.to_pylist())
    return np.frombuffer(digests, dtype="<i8").astype(np.int64)


def combine(left: Integers, right: Integers) -> Integers:
    """Hash of ordered pairs, element-wise."""
    return mix64(mix64(left.view(np.uint64)) ^ right.view(np.uint64)).view(np.int64)


def buckets_of(hashes: Integers, buckets: int) -> Integers:
    """Bucket of each hash (taken as unsigned), in ``[0, buckets)``."""
    return (hashes.view(np.uint64) % np.uint64(buckets)).view(np.int64)
