"""Parses eight characters at a time inside 64-bit words; all functions take and return uint64 arrays of any shape.

The first character is the lowest byte. Eight decimal digits become a number in
three multiplications, as in Lemire, "Quickly parsing eight digits" (2018).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wideload.arrays import Flags, Words


def words_at(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Returns the eight bytes at each position as little-endian words: uint64 ``[length - 7]``, a view."""
    return np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))


def are_digits(words: Words, present: Words) -> Flags:
    """Returns whether the bytes selected by the mask ``present`` are decimal digits and all other bytes are 0."""
    low = words & np.uint64(0x0F0F0F0F0F0F0F0F)
    high = words ^ low
    low += np.uint64(0x0606060606060606)
    low &= np.uint64(0xF0F0F0F0F0F0F0F0)
    high ^= present & np.uint64(0x3030303030303030)
    high |= low
    return np.asarray(high == 0)


def decimal(digits: Words) -> Words:
    """Converts eight decimal digits, the most significant in the lowest byte, to a number; in place."""
    for shift, mask, base in ((8, 0x00FF00FF00FF00FF, 10), (16, 0x0000FFFF0000FFFF, 100), (32, 0xFFFFFFFF, 10_000)):
        low = digits >> np.uint64(shift)
        digits *= np.uint64(base)
        digits += low
        digits &= np.uint64(mask)
    return digits


def nibbles_of(letters: Words) -> Words:
    """Returns the value of each of eight hexadecimal digits; the result is undefined for any other character."""
    nibbles = letters & np.uint64(0x0F0F0F0F0F0F0F0F)
    alphabetic = letters >> np.uint64(6)
    alphabetic &= np.uint64(0x0101010101010101)
    alphabetic *= np.uint64(9)
    nibbles += alphabetic
    return nibbles


def spelled(nibbles: Words) -> Words:
    """Spells eight nibbles in lower case; the original text was hexadecimal only if it equals this spelling."""
    letters = nibbles + np.uint64(0x0606060606060606)
    letters >>= np.uint64(4)
    letters &= np.uint64(0x0101010101010101)
    letters *= np.uint64(39)
    letters += nibbles
    letters += np.uint64(0x3030303030303030)
    return letters


def lowered(letters: Words) -> Words:
    """Converts letters to lower case."""
    lower = letters >> np.uint64(1)
    lower &= np.uint64(0x2020202020202020)
    lower |= letters
    return lower


def packed(nibbles: Words) -> Words:
    """Packs eight nibbles, one per byte, into 32 bits; in place."""
    for shift, mask in ((4, 0x00FF00FF00FF00FF), (8, 0x0000FFFF0000FFFF), (16, 0xFFFFFFFF)):
        nibbles |= nibbles >> np.uint64(shift)
        nibbles &= np.uint64(mask)
    return nibbles
