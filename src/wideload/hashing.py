"""64-bit hashes that are the same on every platform, in every run and in every process.

=================  ==================================================================
``mix64``          splitmix64's step; a bijection               = native ``Mix64``
``finalise``       the second half of it, without the golden gamma
``salt_of``        a salt from a name                           = native ``SaltOf``
``signs``          keys of the sparse table from values         = native ``SignOf``
``hash_integers``  hashes of int64 values; a bijection
``hash_strings``   hashes of UTF-8 strings: BLAKE2b, first 8 bytes, little-endian
``combine``        the hash of a pair of hashes; order matters
``fingerprint``    hex digits over the canonical JSON of plain data
=================  ==================================================================

``mix64``, ``salt_of`` and ``signs`` mirror ``native/table/hash.h``, and a test compares the two. The functions for
numbers work on whole arrays. splitmix64: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from wideload.arrays import Integers, Words

MASK = 2**64 - 1
GOLDEN_GAMMA = 0x9E3779B97F4A7C15
FIRST_FACTOR = 0xBF58476D1CE4E5B9
SECOND_FACTOR = 0x94D049BB133111EB
_BLOCK = 16384


def mix64(words: Words) -> Words:
    """Adds the golden gamma, then applies splitmix64's finaliser. Element-wise; returns a new array."""
    return _mix_blocks(words + np.uint64(GOLDEN_GAMMA))


def finalise(words: Words) -> Words:
    """splitmix64's finaliser: a bijection whose output bits all depend on all input bits. Returns a new array."""
    return _mix_blocks(np.array(words, np.uint64))


def _mix_blocks(words: Words) -> Words:
    """Works in place."""
    flat = words.ravel(order="K")
    shifted = np.empty(min(flat.size, _BLOCK), np.uint64)
    # A block and its shifted copy stay in the cache through all passes.
    for begin in range(0, flat.size, _BLOCK):
        block = flat[begin : begin + _BLOCK]
        _mix_block(block, shifted[: block.size])
    return words


def _mix_block(words: Words, shifted: Words) -> None:
    """Works in place; ``shifted`` is a buffer of the same size."""
    for shift, factor in ((30, FIRST_FACTOR), (27, SECOND_FACTOR)):
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        np.multiply(words, np.uint64(factor), out=words)
    np.right_shift(words, np.uint64(31), out=shifted)
    np.bitwise_xor(words, shifted, out=words)


def mix64_int(word: int) -> int:
    """:func:`mix64` of one Python integer in ``[0, 2^64)``."""
    word = (word + GOLDEN_GAMMA) & MASK
    word = ((word ^ (word >> 30)) * FIRST_FACTOR) & MASK
    word = ((word ^ (word >> 27)) * SECOND_FACTOR) & MASK
    return word ^ (word >> 31)


def salt_of(name: str) -> int:
    """A salt in ``[0, 2^64)``: FNV-1a over the name's UTF-8 bytes, mixed."""
    word = 0xCBF29CE484222325
    for byte in name.encode():
        word = ((word ^ byte) * 0x100000001B3) & MASK
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


def canonical(content: object, separators: tuple[str, str] = (",", ":")) -> bytes:
    """The one JSON text of plain data: keys in order, nothing but ASCII."""
    return json.dumps(content, sort_keys=True, separators=separators).encode()


def fingerprint(content: object, *, size: int = 8, separators: tuple[str, str] = (",", ":")) -> str:
    """``2 * size`` hex digits over the canonical JSON of plain data. They are on disk: never change a parameter."""
    return hashlib.blake2b(canonical(content, separators), digest_size=size).hexdigest()
