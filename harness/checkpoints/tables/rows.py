"""Table rows of a checkpoint in files; a full checkpoint and its increments are read as one table.

::

    MODEL/model.json                     tables: digest, seed, salt, slices, files with their rows
    MODEL/table-NAME/shard-SSS.rows      rows of a logical shard
    MODEL/table-NAME/gone-SSS.rows       increments: signs whose rows were removed
    MODEL/dense-RRR.safetensors          see wideload.harness.checkpoints.tables.dense

The rows of a merged shard are in the order of their hashes, as in a shard that was written at once. So a compacted
checkpoint has the same bytes as a full one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from wideload import _native
from wideload.errors import CheckpointError
from wideload.hashing import mix64

SHARDS = 256
"""Logical shards of a table."""
FILE = "model.json"
FORMAT = "wideload-sparse-ps-1"
"""Called after the strategy that wrote it first. Any strategy may keep its model in this form."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of every row: ``dimension`` weights and ``state`` floats of its optimizer."""

    name: str
    dimension: int
    state: int
    optimizer: str


@dataclass(frozen=True, slots=True)
class TableForm:
    """The declaration of a table.

    Attributes:
        digest: 64 bits over the declaration, which every file of the table repeats.
        seed: of initial rows; salt: of the hash that assigns signs to shards.
        slices: the parts of every row, in order.
    """

    name: str
    digest: int
    seed: int
    salt: int
    slices: tuple[Slice, ...]

    @property
    def width(self) -> int:
        return sum(one.dimension for one in self.slices)

    @property
    def row_floats(self) -> int:
        return self.width + sum(one.state for one in self.slices)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Whole rows.

    Attributes:
        signs: uint64 ``[n]``.
        headers: ``[n]`` with the fields last_step, show, click, flags and slot.
        floats: float32 ``[n, row_floats]``: the weights of all slices, then the state of all slices.
    """

    signs: npt.NDArray[np.uint64]
    headers: npt.NDArray[Any]
    floats: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.signs)

    def take(self, chosen: npt.NDArray[Any]) -> Rows:
        """The rows that a mask or indices choose."""
        return Rows(self.signs[chosen], self.headers[chosen], self.floats[chosen])

    def without(self, signs: npt.NDArray[np.uint64]) -> Rows:
        return self.take(~np.isin(self.signs, signs)) if len(signs) else self

    def joined(self, other: Rows) -> Rows:
        return joined([self, other])

    def in_order(self, salt: int) -> Rows:
        """The same rows in the order of their hashes."""
        return self.take(np.argsort(mix64(self.signs ^ np.uint64(salt)), kind="stable"))


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, of which there is at least one."""
    return Rows(
        np.concatenate([one.signs for one in parts]),
        np.concatenate([one.headers for one in parts]),
        np.concatenate([one.floats for one in parts]),
    )


@dataclass(frozen=True, slots=True)
class TableReader:
    """Tables of a chain of model folders: a full one, then increments."""

    folders: tuple[Path, ...]

    @property
    def step(self) -> int:
        """Global batches that the model was trained on."""
        return int(read_header(self.folders[-1])["step"])

    def forms(self) -> list[TableForm]:
        """The tables, by name.

        Raises:
            CheckpointError: the model has no tables, or its description is damaged.
        """
        return [_form(name, found) for name, found in sorted(_tables(self.folders[-1]).items())]

    def shards(self, form: TableForm) -> Iterator[tuple[int, Rows]]:
        """The shards that have rows, with their numbers.

        Raises:
            CheckpointError: names the damaged file and block.
        """
        described = [_tables(folder) for folder in self.folders]
        for shard in range(SHARDS):
            rows: Rows | None = None
            for folder, tables in zip(self.folders, described, strict=True):
                files = tables.get(form.name, {}).get("files", {})
                rows = _merged(rows, table_folder(folder, form.name), files, shard, form)
            if rows is not None and len(rows):
                yield shard, rows.in_order(form.salt) if len(self.folders) > 1 else rows


def table_folder(model: Path, name: str) -> Path:
    """The folder of a table's rows. A table's name cannot lead out of the model's folder."""
    return model / f"table-{quote(name, safe='')}"


def shards_of(signs: npt.NDArray[np.uint64], salt: int) -> npt.NDArray[np.int64]:
    """The logical shard of each sign: the top bits of its hash."""
    shards: npt.NDArray[np.int64] = (mix64(signs ^ np.uint64(salt)) >> np.uint64(56)).astype(np.int64)
    return shards


def write_shard(folder: Path, form: TableForm, shard: int, rows: Rows) -> str:
    """Writes one shard into a table's folder; returns the file's name."""
    name = f"shard-{shard:03d}.rows"
    _native.write_row_file(str(folder / name), shard, form.digest, rows.signs, rows.headers, rows.floats)
    return name


def read_header(folder: Path) -> dict[str, Any]:
    """``model.json``.

    Raises:
        CheckpointError: it is missing, damaged or of another form.
    """
    path = folder / FILE
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found, complete = header["format"], {"step", "tables"} <= set(header)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no tables of rows, as checkpoints of sparse_ps do.") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    if found != FORMAT or not complete:
        raise CheckpointError(f"{path} has format {found!r}, expected {FORMAT!r}.")
    return header


def _merged(rows: Rows | None, folder: Path, files: dict[str, int], shard: int, form: TableForm) -> Rows | None:
    gone, changed = f"gone-{shard:03d}.rows", f"shard-{shard:03d}.rows"
    if gone in files and rows is not None:
        rows = rows.without(_read(folder / gone, shard, form).signs)
    if changed not in files:
        return rows
    new = _read(folder / changed, shard, form)
    return new if rows is None else rows.without(new.signs).joined(new)


def _read(path: Path, shard: int, form: TableForm) -> Rows:
    stored, digest, signs, headers, floats = _native.read_row_file(str(path))
    if (stored, digest) != (shard, form.digest):
        raise CheckpointError(f"{path} holds shard {stored} of another table; files must keep their names.")
    return Rows(signs, headers, floats)


def _tables(folder: Path) -> dict[str, Any]:
    tables: dict[str, Any] = read_header(folder)["tables"]
    return tables


def _form(name: str, found: dict[str, Any]) -> TableForm:
    try:
        slices = tuple(Slice(one["name"], one["dimension"], one["state"], one["optimizer"]) for one in found["slices"])
        return TableForm(name, found["digest"], found["seed"], found["salt"], slices)
    except (TypeError, KeyError) as error:
        raise CheckpointError(f"table {name!r} is not described completely: {error} is missing.") from None
