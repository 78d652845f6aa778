"""Files whose columns are looked up for each row: users and movies for ratings, advertisers for clicks.

::

    Join ──lookups──► Lookup(keys, columns)          read once, held in memory as text
    Raw + lookups ──► Joined                         raw columns, those of the joined files included

Keys are compared as text without the space around it. The first row with a key counts; further ones are counted, and so
are rows whose key the file does not have. Their fields have no value.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.arrays import Integers
from wideload.datasets.readers.convert.missing import Missing
from wideload.datasets.readers.convert.values import scalar
from wideload.datasets.readers.layout import Join, Layout
from wideload.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A joined file.

    Attributes:
        keys: different strings; columns: strings, one for each key.
        repeated: number of rows whose key came before.
    """

    join: Join
    keys: Any
    columns: dict[str, Any]
    repeated: int

    @property
    def note(self) -> str:
        """What should be known of the file itself; empty where all is well."""
        if not self.repeated:
            return ""
        return f"{self.join.file} has {self.repeated:,} rows whose key came before: the first row of a key counts"


def lookups(layout: Layout, source: str) -> tuple[Lookup, ...]:
    """The joined files of a layout, for rows in the file ``source``.

    Raises:
        DataError: a file cannot be read, or lacks its key.
    """
    defaults = (layout.delimiter, layout.header) if layout.format == "csv" else (",", True)
    return tuple(_lookup(join, path, _stamp(path), *defaults) for join, path in _paths(layout, source))


def sizes(layout: Layout, source: str) -> list[int]:
    """The sizes of the joined files, in bytes."""
    return [_stamp(path)[1] for _, path in _paths(layout, source)]


def own_columns(layout: Layout, source: str) -> list[str | int]:
    """The columns that must be in the file ``source`` itself."""
    joined = {name for lookup in lookups(layout, source) for name in lookup.columns}
    return [name for name in layout.sources if name not in joined]


def _paths(layout: Layout, source: str) -> Iterator[tuple[Join, str]]:
    for join in layout.join:
        yield join, str(Path(source).parent / join.file)


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError as error:
        raise DataError(f"cannot read the joined file {path}: {error}") from None
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=16)
def _lookup(join: Join, path: str, stamp: tuple[int, int], delimiter: str, header: bool) -> Lookup:  # noqa: ARG001
    """A joined file; ``stamp`` makes a changed file another one."""
    table = _parquet(path) if path.endswith(".parquet") else _text(join, path, delimiter, header)
    key = join.key or join.on
    if key not in table:
        raise DataError(f"{path} has no column {key!r} to join on. It has: {', '.join(table)}. `key` names another.")
    keys = table.pop(key).dictionary_encode()
    first = pc.index_in(keys.dictionary, value_set=keys.cast(pa.string()))
    columns = {name: values.take(first) for name, values in table.items()}
    return Lookup(join, keys.dictionary, columns, len(keys) - keys.null_count - len(keys.dictionary))


def _parquet(path: str) -> dict[str, Any]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is not readable Parquet: {error}") from None
    return {name: scalar(table[name].combine_chunks(), "text", Missing()).values for name in table.column_names}


def _text(join: Join, path: str, delimiter: str, header: bool) -> dict[str, Any]:
    """The columns of a text file, trimmed; empty cells are null."""
    headed = join.header if join.header is not None else header and join.columns is None
    rows = _rows(path, join.delimiter or delimiter, join.encoding)
    names = list(join.columns or ())
    columns: list[list[str | None]] = [[] for _ in names]
    for number, row in rows:
        if number == 1 and headed:
            names = names or [name.strip() for name in row]
            columns = [[] for _ in names]
            continue
        if not names:
            raise DataError(f"{path} has no header: name its columns, as in columns = ['id', 'title'].")
        if len(row) != len(names):
            raise DataError(f"{path}:{number}: {len(row)} columns where {len(names)} are expected: {', '.join(names)}.")
        for column, cell in zip(columns, row, strict=True):
            column.append(cell.strip() or None)
    return {name: pa.array(cells, pa.string()) for name, cells in zip(names, columns, strict=True)}


def _rows(path: str, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text file that are not empty, split into cells, with their numbers."""
    try:
        with Path(path).open(encoding=encoding, newline="") as file:
            if len(delimiter) == 1:
                yield from ((number, row) for number, row in enumerate(csv.reader(file, delimiter=delimiter), 1) if row)
            else:
                lines = enumerate((line.rstrip("\r\n") for line in file), 1)
                yield from ((number, line.split(delimiter)) for number, line in lines if line)
    except (OSError, LookupError, csv.Error) as error:
        raise DataError(f"cannot read the joined file {path}: {error}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not {encoding} ({error}). Name its `encoding`, as in encoding = 'latin-1'."
        ) from None


class Joined:
    """Raw columns, with those of joined files.

    Args:
        raw: the columns of the rows themselves.
        found: the joined files; one may be joined on a column of an earlier one.
        missing: words that mean "no value".

    Attributes:
        unmatched: number of rows whose key a file does not have, by file; complete once all columns were read.
    """

    def __init__(self, raw: Any, found: tuple[Lookup, ...], missing: Missing) -> None:
        self._raw, self._missing = raw, missing
        self._lookups = {name: lookup for lookup in reversed(found) for name in lookup.columns}
        self._rows: dict[str, Any] = {}
        self.unmatched: dict[str, int] = {}

    @property
    def lines(self) -> Integers:
        lines: Integers = self._raw.lines
        return lines

    def column(self, name: str | int, kind: str) -> Any:
        """A column as an Arrow array: strings, where it is of a joined file."""
        lookup = self._lookups.get(name) if isinstance(name, str) else None
        return self._raw.column(name, kind) if lookup is None else lookup.columns[str(name)].take(self._of(lookup))

    def quick(self, name: str | int, kind: str) -> Any | None:
        return None if name in self._lookups else self._raw.quick(name, kind)

    def _of(self, lookup: Lookup) -> Any:
        """The row of the file for each row; null where there is none."""
        join = lookup.join
        if join.file not in self._rows:
            keys = scalar(self.column(join.on, "text"), "text", self._missing).values
            rows = pc.index_in(keys, value_set=lookup.keys)
            self._rows[join.file] = pc.if_else(keys.is_valid(), rows, pa.scalar(None, pa.int32()))
            lost = rows.null_count - keys.null_count
            if lost:
                self.unmatched[join.file] = lost
        return self._rows[join.file]
