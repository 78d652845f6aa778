"""What a data set offers: a schema, splits, and one global order of examples that ranks share out.

::

    Dataset   name, summary, Options      what it is, cheap to import
              schema()                    fields, with cardinalities where known
              size(split)                 number of examples
              stream(split, plan)         -> iterator of pyarrow.RecordBatch, this rank's share of each global batch
              best_auc(split)             best possible AUC where the truth is known, else None
              fingerprint()               hash of the content

The order of examples is a function of (content, seed, epoch, batch_size) alone. Global batch ``t`` is rows ``[t *
batch_size, (t + 1) * batch_size)`` of it whatever the number of ranks; rank ``r`` gets one contiguous share of each.
So two jobs with different rank counts train on equal global batches, and a position is one integer: the step.
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
        multi_valued: a list column: 0..n values per example.
        cardinality: for categorical integer fields whose values are in ``[0, cardinality)``; None when unknown.
        vocabulary: for categorical string fields: the distinct values of the training split, most frequent first.
        weights: name of the list<float32> column with one weight per value, or None.
        mean, std: of the training split, for numeric fields.
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
        """The field of that name; KeyError when there is none."""
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a split is read.

    Attributes:
        batch_size: examples of a global batch.
        rank, ranks: whose share.
        seed: of the order; None keeps the stored order (evaluation).
        epoch: changes the order.
        start: first global batch to yield: where a resumed run goes on.
        last: keep or drop a global batch that is not full.
    """

    batch_size: int
    rank: int = 0
    ranks: int = 1
    seed: int | None = None
    epoch: int = 0
    start: int = 0
    last: LastBatch = "keep"

    def share(self, size: int) -> tuple[int, int]:
        """The rank's half-open range of a global batch with ``size`` examples."""
        base, extra = divmod(size, self.ranks)
        begin = self.rank * base + min(self.rank, extra)
        return begin, begin + base + (self.rank < extra)

    def batches(self, examples: int) -> int:
        """Number of global batches in a split of that many examples."""
        return examples // self.batch_size if self.last == "drop" else -(-examples // self.batch_size)


class Dataset(ABC):
    """A named source of examples. Subclasses are found by name (see :mod:`wideload.datasets`)."""

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @abstractmethod
    def schema(self) -> Schema: ...

    @abstractmethod
    def size(self, split: Split) -> int:
        """Examples in a split; 0 for a split that does not exist."""

    @abstractmethod
    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        """The rank's share of every global batch, in order; a share may have 0 rows.

        Columns are the label (float32) and every field of the schema; a multi-valued field with weights is followed by
        their list column at the end. Numeric columns are float32 without nulls (a missing number is the field's mean).
        Integer categories are int64 and strings ``dictionary<int32, string>``; null is a missing value, and for a field
        with a vocabulary also one outside it: the dictionary is the vocabulary, so codes are ids. Multi-valued columns
        are lists without null lists.

        Raises:
            DataError: a shard is missing, truncated or does not match its checksum; names the file.
        """

    def best_auc(self, split: Split) -> float | None:  # noqa: ARG002
        """AUC of the true click probabilities, where they are known."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits over the content (not the place) of the data."""
