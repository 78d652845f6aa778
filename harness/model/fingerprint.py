"""The initial weights, as 16 hex digits: equal for every strategy, number of ranks and machine that start alike.

Rows and the tower's parameters are pure functions of the seed, the columns and the model (see
:mod:`wideload.harness.model.initial_rows` and :mod:`wideload.harness.model.tower_parameters`). The digest is taken over
their *values*: the whole tower and the first rows of every column. So it also changes with what no declaration says:
another version of wideload that draws them differently, or other pretrained rows. Whether a strategy really starts from
them is what parity checks, by the loss of the first step.
"""

from __future__ import annotations

import hashlib

import numpy as np

from wideload.harness.features.layout import BatchLayout
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.model.tower_parameters import TowerParameters
from wideload.harness.workload.workload import Workload
from wideload.hashing import signs

PROBED = 64
"""Rows taken from every column; a column whose rows are drawn differently differs from its first row on."""


def fingerprint(workload: Workload, layout: BatchLayout) -> str:
    """16 hex digits; the same for layouts of signs and of ids."""
    digest = hashlib.blake2b(digest_size=8)
    tower = TowerParameters(workload.model, layout)
    for part in (tower.initial(workload.seed), tower.initial_statistics()):
        digest.update(part.tobytes())
    for table in layout.tables:
        for slot in table.slots:
            keys = signs(slot.salt, np.arange(PROBED, dtype=np.int64))
            digest.update(initial_deep(table, keys, workload.seed).tobytes())
            if slot.pretrained is not None:
                digest.update(slot.pretrained.signs.tobytes())
                digest.update(slot.pretrained.rows.tobytes())
    return digest.hexdigest()
