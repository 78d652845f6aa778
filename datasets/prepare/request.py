"""What is asked of ``prepare``, and what it tells of its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from wideload.datasets.prepare import fit
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.prepared.shard import ROWS_PER_GROUP, ROWS_PER_SHARD
from wideload.datasets.rejects import BadRows
from wideload.options import Options


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: rows read, and bytes of the sources (decompressed, where that is known) done and in all."""

    stage: str
    rows: int
    done: int
    total: int


Report = Callable[[Progress], None]


class Request(Options):
    """Everything that the result depends on, but for the sources' content.

    Attributes:
        reader: name of the format; ``options``: the reader's options.
        split: how rows are split.
        bad_rows: what to do with rows that cannot be taken.
        rows_per_shard: rows read per chunk, so at most as many per shard; rows_per_group: rows of a row group.
        vocabulary_limit: distinct values up to which a text field gets a vocabulary.
    """

    reader: str
    options: dict[str, Any] = Field(default={})
    split: SplitRule = SplitRule()
    bad_rows: BadRows = BadRows()
    rows_per_shard: int = ROWS_PER_SHARD
    rows_per_group: int = ROWS_PER_GROUP
    vocabulary_limit: int = fit.LIMIT
