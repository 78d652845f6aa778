"""A file of pretrained embeddings, validated row by row: every key is paired with the vector of its own row.

::

    Parquet   key: integers or text          value: lists of numbers, all of one length
    npz       key: integers or text [n]      value: numbers [n, dimension]

Rows are counted from 1 in messages, and each message names the file, the row and the key. Refused are: missing keys,
keys that occur twice, missing vectors, vectors of another length than the column's dimension, numbers that are missing,
NaN or infinite (as float32, which is what a table holds).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.arrays import Floats
from wideload.errors import ColumnError
from wideload.harness.features.arrow import ArrowArray
from wideload.harness.workload.columns import Pretrained


@dataclass(frozen=True, slots=True)
class KeyedVectors:
    """What a file holds.

    Attributes:
        keys: pyarrow array ``[n]`` of integers or strings, distinct, without nulls.
        vectors: float32 ``[n, dimension]``, finite.
    """

    keys: ArrowArray
    vectors: Floats


def read_vectors(declared: Pretrained, column: str, dimension: int) -> KeyedVectors:
    """Reads and validates the file of pretrained rows that a column declares.

    Raises:
        ColumnError: the file cannot be read, or one of its rows is not a key with a vector of ``dimension`` finite
            numbers; names the column, the file, and where there is one the row and the key.
    """
    path = Path(declared.path)
    file = _File(column, path)
    read = _read_npz if path.suffix == ".npz" else _read_parquet
    try:
        keys, vectors = read(file, declared, dimension)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise ColumnError(f"column {column!r}: cannot read pretrained rows from {path}: {error}") from None
    _check_distinct(file, keys)
    _check_finite(file, keys, vectors)
    return KeyedVectors(keys, vectors)


@dataclass(frozen=True, slots=True)
class _File:
    """Where a message points to."""

    column: str
    path: Path

    def error(self, problem: str) -> ColumnError:
        return ColumnError(f"column {self.column!r}: {self.path} {problem}.")

    def row_error(self, row: int, keys: ArrowArray, problem: str) -> ColumnError:
        return ColumnError(
            f"column {self.column!r}: {self.path}, row {row + 1}, key {keys[row].as_py()!r}: {problem}. "
            "Correct the row or remove it."
        )


def _read_npz(file: _File, declared: Pretrained, dimension: int) -> tuple[ArrowArray, Floats]:
    with np.load(file.path, allow_pickle=False) as arrays:
        names = list(arrays.keys())
        for name in (declared.key, declared.value):
            if name not in names:
                raise file.error(f"has no array {name!r}; it has {', '.join(names) or 'none'}")
        keys, vectors = arrays[declared.key], arrays[declared.value]
    if keys.ndim != 1 or vectors.ndim != 2 or len(keys) != len(vectors) or vectors.shape[1] != dimension:
        expected = (keys.size, dimension)
        raise file.error(f"holds vectors of shape {vectors.shape} for keys of shape {keys.shape}, not {expected}")
    if vectors.dtype.kind not in "iuf":
        raise file.error(f"holds vectors of type {vectors.dtype}; valid are numbers")
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is refused below
        return _keys_of(file, pa.array(keys)), vectors.astype(np.float32)


def _read_parquet(file: _File, declared: Pretrained, dimension: int) -> tuple[ArrowArray, Floats]:
    names = pq.read_schema(file.path).names
    for name in (declared.key, declared.value):
        if names.count(name) != 1:
            found = "no column" if name not in names else f"{names.count(name)} columns"
            raise file.error(f"has {found} {name!r}; its columns are {', '.join(names)}")
    table = pq.read_table(file.path, columns=[declared.key, declared.value])
    keys, lists = (_one_array(table[name]) for name in (declared.key, declared.value))
    keys = _keys_of(file, keys)
    return keys, _vectors_of(file, keys, lists, dimension)


def _one_array(column: pa.ChunkedArray) -> ArrowArray:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _keys_of(file: _File, keys: ArrowArray) -> ArrowArray:
    """Integers or strings without nulls, one at least."""
    if not len(keys):
        raise file.error("holds no rows; name a file with a key and a vector in each row")
    if pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    if pa.types.is_binary(keys.type) or pa.types.is_large_binary(keys.type):
        keys = keys.cast(pa.string())
    if keys.null_count:
        raise file.row_error(_first(keys.is_null()), keys, "the key is missing")
    if not (pa.types.is_integer(keys.type) or pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type)):
        raise file.error(f"holds keys of type {keys.type}; valid are integers and text, as in the data")
    return keys


def _vectors_of(file: _File, keys: ArrowArray, lists: ArrowArray, dimension: int) -> Floats:
    """float32 ``[n, dimension]`` of a pyarrow array of lists. Lengths are checked before anything is flattened."""
    fixed = pa.types.is_fixed_size_list(lists.type)
    if not (fixed or pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
        raise file.error(f"holds vectors of type {lists.type}; valid are lists of numbers")
    inner = lists.type.value_type
    if not (pa.types.is_floating(inner) or pa.types.is_integer(inner)):
        raise file.error(f"holds vectors of {inner}; valid are lists of numbers")
    if lists.null_count:
        raise file.row_error(_first(lists.is_null()), keys, "the vector is missing")
    wrong = pc.not_equal(pc.list_value_length(lists), dimension)
    if pc.any(wrong).as_py():
        row = _first(wrong)
        raise file.row_error(
            row, keys, f"the vector has length {len(lists[row])}, and the embedding's dimension is {dimension}"
        )
    flat = lists.flatten()
    if flat.null_count:
        raise file.row_error(_first(flat.is_null()) // dimension, keys, "the vector has a missing number")
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is refused later
        numbers: Floats = flat.to_numpy(zero_copy_only=False).astype(np.float32)
    return numbers.reshape(len(lists), dimension)


def _check_distinct(file: _File, keys: ArrowArray) -> None:
    encoded = keys.dictionary_encode()
    if len(encoded.dictionary) == len(keys):
        return
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    again = int(np.setdiff1d(np.arange(len(codes)), first)[0])
    raise file.row_error(again, keys, f"the key is in row {int(first[codes[again]]) + 1} already")


def _check_finite(file: _File, keys: ArrowArray, vectors: Floats) -> None:
    wrong: npt.NDArray[np.bool_] = ~np.isfinite(vectors).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        place = int(np.argmax(~np.isfinite(vectors[row])))
        raise file.row_error(row, keys, f"number {place + 1} of the vector is {vectors[row, place]} as float32")


def _first(mask: ArrowArray) -> int:
    """Position of the first true element of a pyarrow array of booleans."""
    return int(pc.index(mask, True).as_py())
