"""The graph's BLAKE2b is Python's, at every length."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from wideload.hashing import hash_strings as original

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("lengths", [[0, 1, 7, 8, 127, 128, 129, 255, 256, 257, 1000], [0], [5] * 3, []])
def test_hashes_are_those_of_hashlib(lengths: list[int]) -> None:
    from wideload.harness.serving.blake2b import hash_strings

    texts = ["aé性"[place % 3] * length for place, length in enumerate(lengths)]
    expected = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") for text in texts]
    found = tf.function(hash_strings)(tf.constant(texts, tf.string)).numpy()
    np.testing.assert_array_equal(found.view(np.uint64), np.array(expected, np.uint64))


def test_hashes_are_those_of_training() -> None:
    import pyarrow as pa

    from wideload.harness.serving.blake2b import hash_strings

    texts = ["", "red", "\0", "a\nb", "性别"]
    np.testing.assert_array_equal(hash_strings(tf.constant(texts)).numpy(), original(pa.array(texts)))
