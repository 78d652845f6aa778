"""The data set contract: a schema, splits, and one global order of examples that is shared between the ranks.

::

    Dataset   name, summary, Options      what it is, cheap to import
              schema()                    fields, with cardinalities where known
              size(split)                 number of examples
              stream(split, plan)         -> iterator of pyarrow.RecordBatch, this rank's share of each global batch
              best_auc(split)             best possible AUC where the truth is known, else None
              fingerprint()               hash of the content

The order of examples depends only on (content, seed, epoch, batch_size). Global batch ``t`` consists of rows ``[t *
batch_size, (t + 1) * batch_size)`` of that order, for any number of ranks; rank ``r`` gets one contiguous share of each
batch. Two jobs with different rank counts therefore train on equal global batches, and a position in the data is a
single integer, the step.

Order and threads. Nothing here is collective: each rank opens its own streams, as many as it likes, and no call waits
for another rank. Calls may be made in any order and repeatedly, with equal results, on every rank. A stream is read by
one thread at a time; several streams of one data set may be read in turn or by several threads, and do not affect each
other. A stream may read ahead in a thread of its own, which ends with the stream, also when it is closed early.

:class:`wideload.testing.DatasetContract` holds the tests of all this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import pyarrow as pa

from wideload.options import Options as AnyOptions

Split = Literal["train", "validation", "test"]
LastBatch = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input field.

    Attributes:
        name: column name in the record batches.
        kind: ``numeric`` (float32) or ``categorical`` (int64 or string, dictionary-encoded strings allowed).
        multi_valued: whether it is a list column with 0..n values per example.
        cardinality: the number of ids of a categorical integer field whose values are in ``[0, cardinality)``; None
            when it is unknown.
        vocabulary: the distinct values that a categorical string field has in the training split, most frequent first.
        weights: name of the list<float32> column with one weight per value, or None.
        mean, std: mean and standard deviation of a numeric field in the training split.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    multi_valued: bool = False
    cardinality: int | None = None
    vocabulary: tuple[str, ...] | None = None
    weights: str | None = None
    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True, slots=True)
class Schema:
    """Label and input fields, in order."""

    label: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Returns the field with this name."""
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a split is read.

    Attributes:
        batch_size: examples of a global batch.
        rank, ranks: the rank that reads, and the number of ranks.
        seed: seed of the order; None keeps the stored order (used for evaluation).
        epoch: number of the epoch; each epoch has its own order.
        start: first global batch to yield; a resumed run starts at its checkpoint's step.
        last: whether a global batch that is not full is kept or dropped.
    """

    batch_size: int
    rank: int = 0
    ranks: int = 1
    seed: int | None = None
    epoch: int = 0
    start: int = 0
    last: LastBatch = "keep"

    def share(self, size: int) -> tuple[int, int]:
        """Returns this rank's half-open range within a global batch of ``size`` examples."""
        base, extra = divmod(size, self.ranks)
        begin = self.rank * base + min(self.rank, extra)
        return begin, begin + base + (self.rank < extra)

    def batches(self, examples: int) -> int:
        """Returns the number of global batches in a split of ``examples`` examples."""
        return examples // self.batch_size if self.last == "drop" else -(-examples // self.batch_size)


class Dataset(ABC):
    """A named source of examples. Subclasses are registered by name (see :mod:`wideload.datasets`)."""

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @abstractmethod
    def schema(self) -> Schema: ...

    @abstractmethod
    def size(self, split: Split) -> int:
        """Returns the number of examples in a split; 0 for a split that does not exist."""

    @abstractmethod
    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Yields this rank's share of every global batch, in order; a share may have 0 rows.

        Columns are the label (float32) and every field of the schema; a multi-valued field with weights is followed by
        their list column at the end. Numeric columns are float32; null is a missing number.
        Integer categories are int64 and strings ``dictionary<int32, string>``; null is a missing value, and for a field
        with a vocabulary also one outside it: the dictionary is the vocabulary, so codes are ids. Multi-valued columns
        are lists without null lists.

        Raises:
            DataError: a shard is missing, truncated or does not match its checksum; the message names the file.
        """

    def best_auc(self, split: Split) -> float | None:  # noqa: ARG002
        """Returns the AUC of the true click probabilities, or None where they are unknown."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Returns 16 hex digits that identify the content of the data, independent of where it is stored."""
