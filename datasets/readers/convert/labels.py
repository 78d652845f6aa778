"""The label of a row: float32, 0 or 1.

``positive`` and ``allowed`` list texts. A column of numbers is compared with those texts that are numbers, and a
boolean column with ``true`` and ``false`` (or 1 and 0), in upper or lower case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.typed import Typed, found, is_text, mask_of
from wideload.datasets.readers.convert.values import as_text, scalar
from wideload.datasets.readers.layout import Label

MISSING = "the label is missing"
UNKNOWN = "unknown label"
NEITHER = "the label is neither 0 nor 1"


def labelled(column: Any, label: Label, missing: Missing, quick: Any = None) -> Typed:
    """The labels of a column by their rule.

    Args:
        column: any Arrow array, or None where ``quick`` has the values.
        label: the rule.
        missing: words that mean "no value".
        quick: the column as float32, where that is known already.
    """
    if label.positive is not None:
        return _of_text(column, label, missing)
    typed = scalar(column, "number", missing) if quick is None else Typed(quick)
    plain = pc.fill_null(typed.values, float("nan")).to_numpy(zero_copy_only=False)
    problems = (*typed.problems, *found(np.isnan(plain), MISSING))
    if label.at_least is not None:
        return Typed(pa.array((plain >= label.at_least).astype(np.float32)), problems)
    wrong = (plain != 0) & (plain != 1) & ~np.isnan(plain)
    return Typed(pa.array((plain == 1).astype(np.float32)), (*problems, *found(wrong, NEITHER)))


def _of_text(column: Any, label: Label, missing: Missing) -> Typed:
    kind, typed = _inner(column.type), scalar(column, "text", missing)
    one = tuple(_spelled(word, kind) for word in label.positive or ())
    zero = tuple(_spelled(word, kind) for word in label.allowed or ())
    problems = (*typed.problems, *found(mask_of(typed.values.is_null()), MISSING))
    if label.allowed is not None:
        known = pc.is_in(typed.values, value_set=pa.array([*one, *zero], pa.string()))
        problems = (*problems, *found(mask_of(pc.invert(known)), UNKNOWN))
    return Typed(pc.is_in(typed.values, value_set=pa.array(one, pa.string())).cast(pa.float32()), problems)


def _inner(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) or pa.types.is_dictionary(kind) else kind


def _spelled(word: str, kind: pa.DataType) -> str:
    """A word as a column of that type spells it when it is read as text."""
    word = word.strip()
    if pa.types.is_boolean(kind):
        return {"1": "true", "0": "false"}.get(word, word.lower())
    if is_text(kind) or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return word
    try:
        return str(as_text(pa.array([float(word)], pa.float64()))[0].as_py())
    except ValueError:
        return word
