"""Names for the types of pyarrow. It has no type information of its own: for a type checker they are ``Any``."""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa

ArrowArray: TypeAlias = pa.Array
"""A column of values, perhaps with nulls; the docstring of a function says of which type."""
ArrowType: TypeAlias = pa.DataType
"""The type of a column's values."""
ArrowBuffer: TypeAlias = pa.Buffer
"""A piece of memory of an array; None where an array needs none."""
