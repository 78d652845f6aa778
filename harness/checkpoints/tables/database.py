"""Table rows in SQLite and PostgreSQL, through ADBC.

::

    wideload_tables     position, name, form (JSON: digest, seed, salt, slices)
    wideload_rows_0     the rows of the table at position 0, columns as in wideload.harness.checkpoints.tables.arrow

Statements are constants except for a position, which is a number; names and values are only passed as data. The drivers
are needed: ``pip install 'wideload[databases]'``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from wideload.errors import CheckpointError, UnavailableError
from wideload.harness.checkpoints.tables.arrow import reader_of
from wideload.harness.checkpoints.tables.rows import Slice, TableForm, TableReader

TABLES = "wideload_tables"
_POSTGRES = ("postgresql://", "postgres://")


def is_database(target: str) -> bool:
    """Whether a target names a database: ``sqlite:PATH`` or ``postgresql://...``."""
    return target.startswith(("sqlite:", *_POSTGRES))


@contextmanager
def connected(target: str) -> Iterator[Any]:
    """An ADBC connection. Everything is committed at the end, or nothing.

    Raises:
        UnavailableError: the driver is missing.
        CheckpointError: the database cannot be reached, or reports an error.
    """
    try:
        import adbc_driver_manager
        import adbc_driver_postgresql.dbapi as postgresql
        import adbc_driver_sqlite.dbapi as sqlite
    except ImportError as error:
        raise UnavailableError(f"{error.name} is missing: pip install 'wideload[databases]'.") from None
    connect = postgresql.connect if target.startswith(_POSTGRES) else sqlite.connect
    try:
        with connect(target.removeprefix("sqlite:")) as connection:
            yield connection
            connection.commit()
    except adbc_driver_manager.Error as error:
        raise CheckpointError(f"the database reports an error: {error}") from None


def write(connection: Any, reader: TableReader) -> dict[str, int]:
    """Writes all tables into a database that has none of them yet; returns the number of rows by table."""
    forms = reader.forms()
    described = {
        "position": pa.array(range(len(forms)), pa.int64()),
        "name": pa.array([form.name for form in forms]),
        "form": pa.array([json.dumps(asdict(form)) for form in forms]),
    }
    with connection.cursor() as cursor:
        cursor.adbc_ingest(TABLES, pa.table(described), mode="create")
        counts = {}
        for position, form in enumerate(forms):
            rows = reader_of(form, reader.shards(form))
            cursor.adbc_ingest(f"wideload_rows_{position:d}", rows, mode="create")
            counts[form.name] = sum(len(shard) for _, shard in reader.shards(form))
    return counts


def forms(connection: Any) -> list[TableForm]:
    """The tables of a database, by position."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position, name, form FROM wideload_tables ORDER BY position")
        found = cursor.fetch_arrow_table().to_pylist()
    return [form_of(json.loads(one["form"])) for one in found]


def batches(connection: Any, position: int) -> Iterator[pa.RecordBatch]:
    """The rows of the table at a position."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM wideload_rows_{position:d}")  # noqa: S608 - a number
        yield from cursor.fetch_record_batch()


def form_of(found: dict[str, Any]) -> TableForm:
    """A table's form from the data for JSON that :func:`write` stores."""
    try:
        slices = tuple(Slice(**one) for one in found["slices"])
        return TableForm(str(found["name"]), found["digest"], found["seed"], found["salt"], slices)
    except (TypeError, KeyError) as error:
        raise CheckpointError(f"a table is not described completely: {error}.") from None
