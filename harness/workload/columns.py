"""Feature columns: a user's declaration of the inputs, written once, as data.

::

    numeric     field -> one dense float                                   log1p, standardise, clip, missing indicator
    bucketised  numeric field -> one of n + 1 buckets                      categorical from here on
    category    categorical field -> values                                vocabulary | hash | identity | custom
    sequence    multi-valued field -> its last k values, pooled            encoder as above
    crossed     two or more columns or fields -> every combination         hashed into buckets (or unbounded signs)
    merged      several fields -> one bag of values in one space           hashed (colour + size -> attribute)
    shared      several fields -> one slot each, all in one table          one encoder for all

A categorical column feeds the linear part (``wide``), the tower (``embedding``) or both. Columns are frozen, hashable
and load from TOML; the adapter (:mod:`wideload.harness.features.adapter`) compiles them once per rank into a batch
transform. ``docs/reference/columns.md`` shows each with an example that the tests run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wideload.options import Options

Combiner = Literal["sum", "mean", "sqrtn"]
"""How the deep vectors of a bag become one."""


class Initializer(Options):
    """Initial values of a new row: a pure function of (seed, table, sign), see ``native/table/initializer.h``.

    ``normal`` and ``truncated_normal`` have mean 0 and standard deviation ``scale``; ``uniform`` is on
    ``[-scale, scale)``; ``glorot`` is uniform with ``scale = sqrt(3 / dimension)``.
    """

    kind: Literal["zeros", "uniform", "normal", "truncated_normal", "glorot"] = "uniform"
    scale: float = Field(default=0.05, ge=0)


class Pretrained(Options):
    """Rows trained elsewhere. A value found in the file starts from its row, other values from the initialiser.

    Attributes:
        path: Parquet, or npz with one array per name; nothing is unpickled.
        key: column (array) of raw values, as in the data: strings or integers, distinct.
        value: column of vectors: list<float> in Parquet, ``[n, dimension]`` in npz.
    """

    path: str
    key: str = "key"
    value: str = "value"


class Embedding(Options):
    """The deep part of a categorical column.

    Attributes:
        admit_at: how often a value must have been seen in training before it gets an embedding; until then its vector
            is 0 and only its wide weight is trained. 0: from its first occurrence.
    """

    dimension: int = Field(default=8, ge=1, le=4096)
    combiner: Combiner = "mean"
    initializer: Initializer = Initializer()
    pretrained: Pretrained | None = None
    admit_at: float = Field(default=0.0, ge=0)


class Vocabulary(Options):
    """Known string or integer values get ids ``0..n-1`` in the order given; others one of ``oov_buckets`` ids by hash.

    Without ``values`` and ``file`` the vocabulary is the one in the data set's schema (fitted on the training split).
    A missing value is an out-of-vocabulary value; with ``oov_buckets = 0`` it is no value at all.

    Attributes:
        file: one value a line, or a Parquet file with a column ``value`` and perhaps ``count``.
        min_count: drops values counted less often in ``file``.
        limit: keeps only the first ``limit`` values.
    """

    kind: Literal["vocabulary"] = "vocabulary"
    values: tuple[str, ...] | None = None
    file: str | None = None
    min_count: int = Field(default=0, ge=0)
    limit: int | None = Field(default=None, ge=1)
    oov_buckets: int = Field(default=1, ge=0)


class Hash(Options):
    """``hash64(value) mod buckets``; without ``buckets`` the full 64-bit hash (sparse table only)."""

    kind: Literal["hash"] = "hash"
    buckets: int | None = Field(default=None, ge=1)


class Identity(Options):
    """Integer values that already are ids in ``[0, size)``; without ``size`` the field's cardinality in the schema.

    An id outside that range counts as no value; when ``strict``, it is an error that names the row.
    """

    kind: Literal["identity"] = "identity"
    size: int | None = Field(default=None, ge=1)
    strict: bool = False


class Custom(Options):
    """An encoder that the user wrote, by the name under which it is registered.

    See :mod:`wideload.harness.features.encoder`.
    """

    kind: Literal["custom"] = "custom"
    name: str
    options: tuple[tuple[str, str | float | int | bool], ...] = ()


Encoder = Annotated[Vocabulary | Hash | Identity | Custom, Field(discriminator="kind")]


class Numeric(Options):
    """One dense float: ``clip``, then ``transform``.

    ``log1p`` is ``sign(x) log(1 + |x|)``. ``standardise`` is ``(x - mean) / std``. ``log1p_standardise`` does both in
    this order and needs ``mean`` and ``std`` of the logarithm in the declaration.

    Attributes:
        mean, std: used instead of those in the data set's schema.
        clip: lower and upper bound of the raw value.
        missing_indicator: adds a second dense float, 1 where the value is null or NaN. A missing value itself becomes
            the mean.
    """

    kind: Literal["numeric"] = "numeric"
    name: str
    field: str | None = None
    transform: Literal["none", "log1p", "standardise", "log1p_standardise"] = "standardise"
    mean: float | None = None
    std: float | None = Field(default=None, gt=0)
    clip: tuple[float, float] | None = None
    missing_indicator: bool = False


class Bucketised(Options):
    """Bucket ``i`` holds ``boundaries[i - 1] <= x < boundaries[i]``. A missing number counts as no value."""

    kind: Literal["bucketised"] = "bucketised"
    name: str
    field: str | None = None
    boundaries: tuple[float, ...] = Field(min_length=1)
    wide: bool = True
    embedding: Embedding | None = None


class Category(Options):
    """A categorical field, single- or multi-valued.

    Attributes:
        encoder: None: what the schema knows of the field decides: vocabulary, else identity, else the unbounded hash.
        weighted: use the per-value weights that the schema declares for the field, if any.
    """

    kind: Literal["category"] = "category"
    name: str
    field: str | None = None
    encoder: Encoder | None = None
    weighted: bool = True
    wide: bool = True
    embedding: Embedding | None = Embedding()


class Sequence(Options):
    """The last ``last`` values of a multi-valued field, pooled by the embedding's combiner; oldest first."""

    kind: Literal["sequence"] = "sequence"
    name: str
    field: str | None = None
    last: int = Field(default=20, ge=1)
    encoder: Encoder | None = None
    weighted: bool = True
    wide: bool = False
    embedding: Embedding | None = Embedding()


class Crossed(Options):
    """Every combination of one value from each of ``of``, which names bucketised or categorical columns or fields."""

    kind: Literal["crossed"] = "crossed"
    name: str
    of: tuple[str, ...] = Field(min_length=2)
    buckets: int | None = Field(default=None, ge=1)
    wide: bool = True
    embedding: Embedding | None = None


class Merged(Options):
    """All values of the fields ``of``, hashed into one space: equal values of different fields share their row."""

    kind: Literal["merged"] = "merged"
    name: str
    of: tuple[str, ...] = Field(min_length=2)
    buckets: int | None = Field(default=None, ge=1)
    weighted: bool = True
    wide: bool = True
    embedding: Embedding | None = Embedding()


class Shared(Options):
    """One slot ``name.field`` for each of the fields ``of``, all looking up the same rows."""

    kind: Literal["shared"] = "shared"
    name: str
    of: tuple[str, ...] = Field(min_length=2)
    encoder: Encoder | None = None
    weighted: bool = True
    wide: bool = True
    embedding: Embedding | None = Embedding()


Categorical = Bucketised | Category | Sequence | Crossed | Merged | Shared
Column = Annotated[Numeric | Categorical, Field(discriminator="kind")]


class Columns(Options):
    """The declaration of a workload's inputs.

    Attributes:
        auto: derive a column for every schema field that no ``numeric``, ``category``, ``sequence``, ``merged`` or
            ``shared`` column reads: numeric fields are standardised, categorical fields get a vocabulary, identity or
            hash encoder, a wide weight and ``auto_embedding``. Bucketised and crossed columns are views: they suppress
            nothing.
        auto_embedding: embedding of the derived categorical columns.
        auto_buckets: the most rows that a derived categorical column may have. A longer vocabulary keeps its most
            frequent values, larger ids and values without a vocabulary are hashed. The ids are the same under every
            strategy. None: a derived column has as many rows as the field has values, and none but the sparse table
            can hold a field whose values are not known in advance.
        exclude: fields that no column is derived for.
        parts: ``wide`` drops every embedding, ``deep`` every wide weight.
        column: explicit columns, in order; each name is unique.
    """

    auto: bool = True
    auto_embedding: Embedding = Embedding()
    auto_buckets: int | None = Field(default=None, ge=2)
    exclude: tuple[str, ...] = ()
    parts: Literal["wide_and_deep", "wide", "deep"] = "wide_and_deep"
    column: tuple[Column, ...] = ()
