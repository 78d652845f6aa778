"""The request to ``prepare``, and the progress that it reports."""

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
    """How far a run is: rows read, and bytes of the sources read so far and in total (decompressed, where known)."""

    stage: str
    rows: int
    done: int
    total: int


Report = Callable[[Progress], None]


class Request(Options):
    """Everything that the result depends on, except the content of the sources.

    Attributes:
        reader: name of the format; ``options``: the reader's options.
        split: how rows are split.
        bad_rows: what to do with bad rows.
        rows_per_shard: number of rows read per chunk, and so the largest number of rows in a shard.
        rows_per_group: number of rows in a row group.
        vocabulary_limit: a text field with more distinct values than this gets no vocabulary.
        fitted_on: a prepared folder whose vocabularies, means and cardinalities are taken over, for data that are to be
            evaluated with a model trained on that folder; ``split`` none then makes everything test data.
    """

    reader: str
    options: dict[str, Any] = Field(default={})
    split: SplitRule = SplitRule()
    bad_rows: BadRows = BadRows()
    rows_per_shard: int = ROWS_PER_SHARD
    rows_per_group: int = ROWS_PER_GROUP
    vocabulary_limit: int = fit.LIMIT
    fitted_on: str | None = None
