"""Weights in fewer bits, for exports only; what training resumes from stays exact.

======  ===============================================  ==================================================
fp32    unchanged                                        no error
fp16    IEEE half: 11 bits, to 65,504                    relative 2^-11; larger values become infinite
bf16    the upper half of a float32, rounded to even     relative 2^-8
int8    round(w / scale), scale = largest of row / 127   at most scale / 2
======  ===============================================  ==================================================

The error is measured, not assumed: :attr:`Packed.largest_error`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from wideload.arrays import Floats

Precision = Literal["fp32", "fp16", "bf16", "int8"]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Weights ``[n, width]`` in fewer bits: float16, uint16 (bf16) or int8; ``scale [n]`` of int8 rows, else None."""

    precision: Precision
    values: npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.uint16] | npt.NDArray[np.int8]
    scale: Floats | None
    largest_error: float

    def unpacked(self) -> Floats:
        """The float32 weights that a reader computes from it."""
        return _unpacked(self.precision, self.values, self.scale)


def pack(weights: Floats, precision: Precision) -> Packed:
    """Packs float32 ``[n, width]``, and measures the largest absolute error."""
    scale: Floats | None = None
    values: npt.NDArray[np.generic]
    if precision == "fp16":
        with np.errstate(over="ignore"):
            values = weights.astype(np.float16)
    elif precision == "bf16":
        values = _to_bf16(weights)
    elif precision == "int8":
        largest = np.abs(weights).max(axis=1, initial=0.0)
        scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
        values = np.clip(np.rint(weights / scale[:, None]), -127, 127).astype(np.int8)
    else:
        values = weights
    error = np.abs(_unpacked(precision, values, scale) - weights).max(initial=0.0)
    return Packed(precision, values, scale, float(error))  # type: ignore[arg-type]  # the dtype follows the precision


def above(weights: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Which rows have a weight whose absolute value is at least ``threshold``; bool ``[n]``."""
    kept: npt.NDArray[np.bool_] = np.abs(weights).max(axis=1, initial=0.0) >= threshold
    return kept


def _unpacked(precision: Precision, values: npt.NDArray[np.generic], scale: Floats | None) -> Floats:
    if precision == "bf16":
        widened: Floats = (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return widened
    floats: Floats = values.astype(np.float32)
    return floats if scale is None else floats * scale[:, None]


def _to_bf16(weights: Floats) -> npt.NDArray[np.uint16]:
    bits = np.ascontiguousarray(weights).view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = (bits + np.uint32(0x7FFF) + even) >> np.uint32(16)
    # Rounding could carry a NaN's payload into the sign; keep such values NaN.
    return np.where(np.isnan(weights), np.uint32(0x7FC0), rounded).astype(np.uint16)
