"""The files of a sparse_ps checkpoint, written by each rank.

::

    table-NAME/shard-SSS.rows    one logical shard of one table: whole rows, exactly (native/storage/row_file.h)
    table-NAME/gone-SSS.rows     increments: signs whose rows were removed since the checkpoint that it builds on
    dense-RRR.safetensors        rank RRR's slice of the dense parameters and their optimizer state
    model.json                   the next step, and every table with its files and their numbers of rows (rank 0)

    save       writes one shard after the other, directly to disk: needs the memory of one shard
    snapshot   copies this rank's rows (for an increment: those that changed) and writes them later, on any thread

There is one file per logical shard, so another number of ranks only maps shards to owners differently. Both functions
wait until all pushes of all ranks are applied, so that all ranks write the same state. The caller that gives the folder
its final name flushes the files to disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wideload import _native
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.dense import Dense
from wideload.harness.checkpoints.tables.rows import FILE, FORMAT, table_folder
from wideload.harness.contract import Written
from wideload.harness.workload import optimizers as declared
from wideload.strategies.sparse_ps.server import PsCluster

Signs = npt.NDArray[np.uint64]
Known = dict[tuple[str, int], Signs]
"""The signs of this rank's rows, by table and shard."""

Inventory = dict[str, dict[str, int]]
"""The files of each table, with their numbers of rows."""


@dataclass(frozen=True, slots=True)
class Since:
    """What an increment builds on: the step of the previous checkpoint, and the signs that existed then."""

    step: int
    known: Known


@dataclass(frozen=True, slots=True, eq=False)
class ShardSnapshot:
    """The part of one shard: its rows, and the signs whose rows were removed."""

    table: str
    shard: int
    digest: int
    signs: Signs
    headers: npt.NDArray[Any]
    floats: npt.NDArray[np.float32]
    gone: Signs

    def write(self, directory: Path) -> dict[str, int]:
        """Writes the shard's files; returns their numbers of rows."""
        folder = table_folder(directory, self.table)
        folder.mkdir(exist_ok=True)
        written = {}
        if len(self.signs):
            written[f"shard-{self.shard:03d}.rows"] = self.signs, self.headers, self.floats
        if len(self.gone):
            nothing = np.zeros(len(self.gone), self.headers.dtype), np.zeros((len(self.gone), 0), np.float32)
            written[f"gone-{self.shard:03d}.rows"] = self.gone, *nothing
        for name, rows in written.items():
            _native.write_row_file(str(folder / name), self.shard, self.digest, *rows, synced=False)
        return {name: len(rows[0]) for name, rows in written.items()}


@dataclass(slots=True, eq=False)
class PsSnapshot:
    """One rank's part of a model at one step; see :class:`wideload.harness.contract.Snapshot`."""

    rank: int
    shards: list[ShardSnapshot]
    dense: Dense
    header: dict[str, Any]

    def write(self, directory: Path) -> Written:
        """Writes the tables and the dense slice; frees a shard's memory as soon as it is written."""
        inventory: Inventory = {name: {} for name in self.header["tables"]}
        for name in inventory:
            table_folder(directory, name).mkdir(exist_ok=True)
        while self.shards:
            shard = self.shards.pop()
            inventory[shard.table] |= shard.write(directory)
        files = [table_folder(directory, name) / file for name, found in inventory.items() for file in found]
        return Written([*files, self.dense.write(directory, self.rank)], inventory)

    def finish(self, directory: Path, parts: Sequence[Inventory]) -> list[Path]:
        """Rank 0 describes what all ranks have written."""
        for part in parts:
            for name, files in part.items():
                self.header["tables"][name]["files"] |= files
        (directory / FILE).write_text(json.dumps(self.header, indent=1, sort_keys=True), encoding="utf-8")
        return [directory / FILE]


def snapshot(server: PsCluster, step: int, since: Since | None = None, noted: Known | None = None) -> PsSnapshot:
    """Copies this rank's part, and stores the signs of its rows in ``noted``. Collective."""
    _await_pushes(server)
    shards: list[ShardSnapshot] = []
    on_owner(server, lambda: shards.extend(_shards(server, since, noted)))
    return _with_header(server, step, shards)


def save(directory: Path, server: PsCluster, step: int, since: Since | None = None, noted: Known | None = None) -> None:
    """Writes this rank's part, and stores the signs of its rows in ``noted``. Collective.

    Raises:
        CheckpointError: on every rank, if one of them cannot write.
    """
    _await_pushes(server)
    part = _with_header(server, step, [])
    problem = ""
    inventory: Inventory = {}
    try:
        inventory = part.write(directory).about
        on_owner(server, lambda: _stream(directory, _shards(server, since, noted), inventory))
    except (OSError, CheckpointError) as error:
        problem = str(error)
    parts = _agreed(server, problem, inventory)
    problem = ""
    try:
        if server.cluster.rank == 0:
            part.finish(directory, parts)
    except OSError as error:
        problem = str(error)
    _agreed(server, problem, {})


def known_signs(server: PsCluster) -> Known:
    """Returns the signs of this rank's rows, so that the next increment can tell which rows were removed."""
    known: Known = {}

    def note() -> None:
        for table in server.tables:
            for shard in own_shards(server):
                known[table.name, shard] = _native.shard_rows(table, shard)[0]

    on_owner(server, note)
    return known


def own_shards(server: PsCluster) -> range:
    first, last = _native.shard_range(server.cluster.rank, server.cluster.ranks)
    return range(first, last)


def on_owner(server: PsCluster, work: Any) -> None:
    """Runs ``work`` on the service thread, so that no push or pull is served meanwhile."""
    problems: list[Exception] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:
            problems.append(error)

    server.native.run(guarded)
    if problems:
        raise problems[0]


def _await_pushes(server: PsCluster) -> None:
    server.flush()
    server.cluster.barrier()


def _with_header(server: PsCluster, step: int, shards: list[ShardSnapshot]) -> PsSnapshot:
    """Creates a snapshot of these shards, with the dense slice and the header."""
    weights, state, updates = server.native.dense_state()
    tables = {table.name: _form(table) for table in server.tables}
    header = {"format": FORMAT, "step": step, "ranks": server.cluster.ranks, "tables": tables}
    dense = Dense(weights, state.reshape(2, weights.size), int(updates))
    return PsSnapshot(server.cluster.rank, shards, dense, header)


def _shards(server: PsCluster, since: Since | None, noted: Known | None) -> Iterator[ShardSnapshot]:
    """Yields this rank's shards, without empty ones; called where nothing changes them."""
    for table in server.tables:
        digest = _native.row_digest(table)
        for shard in own_shards(server):
            signs, headers, floats = _native.shard_rows(table, shard)
            gone = signs[:0]
            if noted is not None:
                noted[table.name, shard] = signs
            if since is not None:
                gone = np.setdiff1d(since.known[table.name, shard], signs)
                touched = headers["last_step"] >= since.step
                signs, headers, floats = signs[touched], headers[touched], floats[touched]
            if len(signs) or len(gone):
                yield ShardSnapshot(table.name, shard, digest, signs, headers, floats, gone)


def _stream(directory: Path, shards: Iterator[ShardSnapshot], inventory: Inventory) -> None:
    for shard in shards:
        inventory[shard.table] |= shard.write(directory)


def _agreed(server: PsCluster, problem: str, inventory: Inventory) -> list[Inventory]:
    """Returns what each rank has written; raises on all ranks if one could not write."""
    everyone = server.cluster.allgather((problem, inventory))
    for rank, (text, _) in enumerate(everyone):
        if text:
            raise CheckpointError(f"rank {rank} could not write its part: {text}")
    return [part for _, part in everyone]


def _form(table: Any) -> dict[str, Any]:
    """Describes the format of a table's rows; the files are added later."""
    return {
        "digest": _native.row_digest(table),
        "seed": table.seed,
        "salt": table.salt,
        "slices": [
            {"name": one.name, "dimension": one.dimension, "optimizer": one.optimizer.kind, "state": state}
            for one, state in zip(table.slices, state_floats(table), strict=True)
        ],
        "files": {},
    }


def state_floats(table: Any) -> list[int]:
    """Returns the number of floats of optimizer state of each slice."""
    return [_state_of(one.optimizer, one.dimension) for one in table.slices]


def _state_of(optimizer: Any, dimension: int) -> int:
    if (
        optimizer.kind not in declared.STATE
    ):  # row-wise AdaGrad, which only the native table has: one sum of squares a row
        return 1
    state = declared.STATE[optimizer.kind] if optimizer.kind != "sgd" or optimizer.momentum > 0 else ()
    return declared.state_floats(state, dimension)
