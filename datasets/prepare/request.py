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
        fitted_on: a prepared folder whose layout, vocabularies, means and cardinalities are taken over, for data that
            are to be evaluated with a model trained on that folder; without a split they are test data.
        validation_file, test_file: paths of the examples of these splits; all others are then training data.
    """

    reader: str
    options: dict[str, Any] = Field(default={})
    split: SplitRule = SplitRule()
    bad_rows: BadRows = BadRows()
    rows_per_shard: int = ROWS_PER_SHARD
    rows_per_group: int = ROWS_PER_GROUP
    vocabulary_limit: int = fit.LIMIT
    fitted_on: str | None = None
    validation_file: str | None = None
    test_file: str | None = None

    @property
    def official(self) -> bool:
        """Whether splits have files of their own."""
        return self.validation_file is not None or self.test_file is not None

    @property
    def identity(self) -> dict[str, Any]:
        """What is hashed: without options, which are in the layout, and without later keys that are not used.

        So a folder that was prepared before a key existed is known again.
        """
        content = self.model_dump(mode="json", exclude={"options", "validation_file", "test_file"})
        if self.fitted_on is None:
            del content["fitted_on"]
        content["split"] = {
            key: value for key, value in content["split"].items() if key not in _LATER or value is not None
        }
        return content


_LATER = ("validation_from", "test_from")
