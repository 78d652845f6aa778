"""A first experiment on prepared data: short, every strategy, and columns that each of them can train.

::

    rows ──► batch size, steps         some hundred steps, at most PASSES passes
    values of each field ──► auto_buckets   where a field has values that are not known in advance, or very many

With ``auto_buckets``, values of a field may share a row. The document says of which fields, and how many values do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wideload.datasets.contract import Field
from wideload.datasets.prepare.fit import columns
from wideload.datasets.prepare.sketch import Distinct, without_nulls
from wideload.datasets.prepared.reader import Prepared
from wideload.harness.experiment.experiment import Experiment
from wideload.toml import assignment

PASSES = 4
_STEPS, _PARITY_STEPS = 1500, 50
_LARGEST_BATCH, _SMALLEST_BATCH, _STEPS_A_PASS = 1024, 16, 150
_BUCKETS = 2**20, 2**10
_ROWS = 4_000_000
"""Rows of all tables that every process of a replicated strategy can be asked to hold."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many values the categorical fields have.

    Attributes:
        known: values of fields whose ids are known in advance.
        unknown: values, estimated, of fields whose values can only be hashed.
    """

    known: Mapping[str, int]
    unknown: Mapping[str, int]

    @classmethod
    def of(cls, prepared: Prepared) -> Sizes:
        """Counts the values of the training split; reads only the fields whose values are not known in advance."""
        fields = [field for field in prepared.schema.fields if field.kind == "categorical"]
        known = {field.name: size for field in fields if (size := _known(field)) is not None}
        return cls(known, {field.name: _distinct(prepared, field.name) for field in fields if field.name not in known})

    @property
    def buckets(self) -> int | None:
        """The value of ``auto_buckets`` that lets every strategy train every field; None where none is needed.

        Twice as many rows as values, where that fits: a quarter of the values then share a row in the worst case.
        """
        most, least = _BUCKETS
        if not self.unknown and max(self.known.values(), default=0) <= most and sum(self.known.values()) <= _ROWS:
            return None
        limit = least
        while limit < most and limit < max(*(2 * size for size in self.unknown.values()), *self.known.values(), 0):
            limit *= 2
        while limit > least and self.rows(limit) > _ROWS:
            limit //= 2
        return limit

    def rows(self, limit: int) -> int:
        """Rows of all tables under a limit."""
        return sum(min(size, limit) for size in self.known.values()) + limit * len(self.unknown)

    def sharing(self, limit: int) -> dict[str, float]:
        """The share of each hashed field's values that share a row with another one, where any does."""
        hashed = {**self.unknown, **{name: size for name, size in self.known.items() if size > limit}}
        shares = {name: 1 - (1 - 1 / limit) ** max(0, size - 1) for name, size in hashed.items()}
        return {name: share for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share >= 0.005}


def _known(field: Field) -> int | None:
    return len(field.vocabulary) if field.vocabulary is not None else field.cardinality


def _distinct(prepared: Prepared, name: str) -> int:
    counted = Distinct()
    for column in columns(Path(prepared.place.root), prepared.manifest.splits.get("train", ()), name):
        counted.add(without_nulls(column))
    return counted.estimate


def document(prepared: Prepared, strategies: Sequence[str]) -> str:
    """The experiment as a commented TOML document.

    Args:
        prepared: a local folder of shards.
        strategies: that are compared.
    """
    return "\n".join(_lines(prepared, strategies)) + "\n"


def _lines(prepared: Prepared, strategies: Sequence[str]) -> Iterator[str]:
    rows, sizes = prepared.manifest.rows("train"), Sizes.of(prepared)
    batch, steps = _lengths(rows)
    yield "# A first comparison, written by `wideload start`: change it, and run it again with `wideload run`."
    yield assignment("strategies", list(strategies))
    yield "ranks = [2]                # processes of a job; [1, 2, 4] would measure how each strategy scales"
    yield "repeats = 1                # rounds; six or more give confidence intervals"
    if steps < 80:
        yield assignment("warmup_steps", steps // 4)
    if Experiment.model_fields["reference"].default in strategies and len(strategies) > 1:
        yield "parity = true              # do all strategies compute the same?"
        yield f"parity_steps = {_PARITY_STEPS:<12}# compared; with small batches, differences of rounding grow later"
    yield from ("", "[workload]")
    yield assignment("dataset", f"shards[path={prepared.place.root}]")
    yield assignment("batch_size", batch)
    yield f"steps = {steps}{' ' * max(1, 19 - len(str(steps)))}# {steps * batch / rows:.1f} passes over {rows:,} rows"
    limit = sizes.buckets
    if limit is not None:
        yield from ("", *_bucket_lines(sizes, limit), "[workload.columns]", assignment("auto_buckets", limit))


def _bucket_lines(sizes: Sizes, limit: int) -> Iterator[str]:
    yield "# The most rows of a field, so that every strategy can hold them. What that costs:"
    shares = sizes.sharing(limit)
    every = {**sizes.known, **sizes.unknown}
    for name, share in list(shares.items())[:5]:
        yield f"#   {_safe(name)}: {share:.0%} of about {every[name]:,} values share a row with another"
    if len(shares) > 5:
        yield f"#   {len(shares) - 5} more fields: less"
    if not shares:
        yield "#   nothing: hardly any value shares a row with another"


def _lengths(rows: int) -> tuple[int, int]:
    """Batch size and steps for a number of training rows."""
    batch = _LARGEST_BATCH
    while batch > _SMALLEST_BATCH and rows / batch < _STEPS_A_PASS:
        batch //= 2
    return batch, max(1, min(_STEPS, PASSES * rows // batch))


def _safe(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
