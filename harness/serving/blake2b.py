"""BLAKE2b of strings in plain TensorFlow: :func:`wideload.hashing.hash_strings` in the graph.

::

    strings [n] --decode--> words [n, blocks, 16] --compress block by block--> state [n, 8] --first word--> int64 [n]

All strings go through as many blocks of 128 bytes as the longest one has; a string that has ended keeps its state. The
four columns of the 4 x 4 state are mixed at once, then its four diagonals. Saarinen & Aumasson 2015, RFC 7693.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_BLOCK = 128
_INITIAL = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
_PARAMETERS = np.uint64(0x01010008)
"""No key, sequential mode, a digest of 8 bytes."""

_ORDER = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
_ROUNDS = 12


def hash_strings(strings: Any) -> Any:
    """int64 ``[n]`` of strings ``[n]``."""
    lengths = tf.cast(tf.strings.length(strings), tf.int64)
    longest = tf.reduce_max(tf.concat([lengths, [1]], axis=0))
    blocks = tf.cast((longest + _BLOCK - 1) // _BLOCK, tf.int32)
    raw = tf.io.decode_raw(strings, tf.int64, fixed_length=blocks * _BLOCK)
    words = tf.reshape(tf.bitcast(raw, tf.uint64), [-1, blocks, 16])
    start = _INITIAL.copy()
    start[0] ^= _PARAMETERS
    state = tf.tile(tf.constant(start)[None, :], [tf.size(strings), 1])

    def step(block: Any, before: Any) -> tuple[Any, Any]:
        end = (tf.cast(block, tf.int64) + 1) * _BLOCK
        after = _compressed(before, words[:, block, :], tf.minimum(end, lengths), end >= lengths)
        ended = tf.logical_and(block > 0, end - _BLOCK >= lengths)
        return block + 1, tf.where(ended[:, None], before, after)

    shapes = (tf.TensorShape([]), tf.TensorShape([None, 8]))
    _, state = tf.while_loop(lambda block, _: block < blocks, step, (tf.constant(0), state), shapes)
    return tf.bitcast(state[:, 0], tf.int64)


def _compressed(state: Any, words: Any, count: Any, last: Any) -> Any:
    """The state after a block; ``count`` bytes have been read, and ``last`` says where the string ends."""
    everything = tf.constant(np.uint64(2**64 - 1))
    counted = tf.bitwise.bitwise_xor(tf.constant(_INITIAL[4]), tf.bitcast(count, tf.uint64))
    ends = tf.where(last, everything, tf.constant(np.uint64(0)))
    finish = tf.bitwise.bitwise_xor(tf.constant(_INITIAL[6]), ends)
    fixed = tf.zeros_like(counted)
    fourth = tf.stack([counted, fixed + _INITIAL[5], finish, fixed + _INITIAL[7]], axis=1)
    third = tf.zeros_like(fourth) + tf.constant(_INITIAL[:4])
    rows = [state[:, :4], state[:, 4:], third, fourth]
    for number in range(_ROUNDS):
        order = _ORDER[number % len(_ORDER)]
        rows = _mixed(rows, words, order[0:8:2], order[1:8:2])
        rows = [_turned(row, place) for place, row in enumerate(rows)]
        rows = _mixed(rows, words, order[8::2], order[9::2])
        rows = [_turned(row, -place) for place, row in enumerate(rows)]
    first = tf.concat(rows[:2], axis=1)
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(state, first), tf.concat(rows[2:], axis=1))


def _mixed(rows: list[Any], words: Any, left: tuple[int, ...], right: tuple[int, ...]) -> list[Any]:
    a, b, c, d = rows
    for chosen, turns in ((left, (32, 24)), (right, (16, 63))):
        a = a + b + tf.gather(words, chosen, axis=1)
        d = _rotated(tf.bitwise.bitwise_xor(d, a), turns[0])
        c = c + d
        b = _rotated(tf.bitwise.bitwise_xor(b, c), turns[1])
    return [a, b, c, d]


def _rotated(words: Any, bits: int) -> Any:
    low = tf.bitwise.right_shift(words, tf.constant(bits, tf.uint64))
    return tf.bitwise.bitwise_or(low, tf.bitwise.left_shift(words, tf.constant(64 - bits, tf.uint64)))


def _turned(row: Any, places: int) -> Any:
    """A row of four columns, moved to the left."""
    return row if not places else tf.gather(row, [(column + places) % 4 for column in range(4)], axis=1)
