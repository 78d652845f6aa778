"""Scores raw rows: files in, the same rows with a score out, in constant memory.

::

    RawRows --block--> Scorer --probabilities--> Sink     a block is about a MiB of text, or 16,384 rows

The output is complete or absent. Rows that cannot be read are rejected as in ``wideload data prepare``, and the first
of them are written next to the output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from wideload import files
from wideload.datasets.raw_rows import RawRows
from wideload.datasets.rejects import SIDE_FILE, BadRows, Rejects
from wideload.errors import DataError, UsageError
from wideload.harness.serving.scorers import Scorer

SUFFIXES = (".parquet", ".csv")
Report = Callable[[str, int, int, int], None]


@dataclass(frozen=True, slots=True)
class Scored:
    """What was done: ``rows_in = rows_out + rejected``."""

    rows_in: int
    rows_out: int
    rejected: int
    reasons: Counter[str] = field(default_factory=Counter)


def check_output(out: Path) -> None:
    """Refuses names that no format belongs to.

    Raises:
        UsageError: says which there are.
    """
    if out.suffix not in SUFFIXES:
        raise UsageError(f"{out}: scores are written as {' or '.join(SUFFIXES)}; give the output one of these names.")


def predict(
    scorer: Scorer,
    paths: tuple[str, ...],
    out: Path,
    *,
    layout: str | None = None,
    bad_rows: BadRows = BadRows(),  # noqa: B008 - frozen
    column: str = "score",
    report: Report = lambda *_: None,
) -> Scored:
    """Scores the rows of files.

    Args:
        scorer: of the model.
        paths: files, folders or URLs.
        out: ``.parquet`` or ``.csv``; replaced if it exists.
        layout: a layout in TOML instead of the one of the training data.
        bad_rows: what to do with bad rows.
        column: name of the score.
        report: takes stage, rows, bytes done and bytes in total.

    Raises:
        UsageError: the output has another suffix, or the rows have a column of the score's name already.
        DataError: a file is not readable, or a row is bad and the policy is ``error``.
    """
    check_output(out)
    rows = RawRows(scorer.origin, paths, layout, Rejects(bad_rows))
    done, total = 0, rows.total
    with Sink(out) as sink:
        for block in rows.blocks():
            if column in block.kept.column_names:
                raise UsageError(f"the rows have a column {column!r} already: name the score with --score-column.")
            scores: Any = scorer.score(block.fields) if block.fields.num_rows else []
            sink.write(block.kept.append_column(column, pa.array(scores, pa.float32())))
            done += block.kept.num_rows
            report("scoring", done, block.done, total)
        if not done:
            raise DataError(
                f"no row to score: {rows.rows_in:,} rows were read, {rows.rejects.rows:,} of them rejected."
            )
    rejects = rows.rejects
    if rejects.kept:
        files.write(out.with_name(f"{out.name}.{SIDE_FILE}"), "".join(one.as_json() + "\n" for one in rejects.kept))
    return Scored(rows.rows_in, done, rejects.rows, rejects.reasons)


class Sink:
    """A file of rows that has its name when all of them are in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = files.partial_file(path)
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def __enter__(self) -> Sink:
        return self

    def write(self, table: pa.Table) -> None:
        """Appends rows; the first ones say what the columns are.

        Raises:
            UsageError: CSV cannot hold a column.
            DataError: a column has another type than before.
        """
        if self._schema is None:
            self._schema = table.schema.remove_metadata()
            self._writer = self._opened(self._schema)
        try:
            self._writer.write_table(table.cast(self._schema))
        except (pa.ArrowException, ValueError) as error:
            raise DataError(f"rows do not fit those written before to {self._path}: {error}") from None

    def _opened(self, schema: pa.Schema) -> Any:
        if self._path.suffix == ".parquet":
            return pq.ParquetWriter(self._partial, schema)
        nested = [one.name for one in schema if pa.types.is_nested(one.type)]
        if nested:
            raise UsageError(
                f"column {nested[0]!r} holds lists, which CSV cannot: write to a name that ends in .parquet."
            )
        return csv.CSVWriter(self._partial, schema)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if kind is None and self._writer is not None:
            files.publish(self._partial, self._path)
        else:
            self._partial.unlink(missing_ok=True)
