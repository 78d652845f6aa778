"""Names for the NumPy arrays that modules pass to each other; docstrings give the shapes.

============  =======  =====================================================
``Floats``    float32  weights, optimizer state, dense features, labels
``Doubles``   float64  statistics, and what planted data are computed with
``Integers``  int64    ids, positions, row splits; keys of the sparse table
``Words``     uint64   bits: hashes and random numbers
``Flags``     bool     a choice of elements
============  =======  =====================================================
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
