"""The sparse_ps part of a checkpoint: what each rank writes, and how any number of ranks read it back.

::

    table-NAME/shard-SSS.rows    one logical shard of one table: whole rows, exactly (native/storage/row_file.h)
    table-NAME/gone-SSS.rows     increments: signs whose rows are gone since the checkpoint it builds on
    dense-RRR.safetensors        rank RRR's slice of the dense parameters and their optimizer state
    model.json                   the step that comes next, and every table with its files and their rows (rank 0)

Files are per logical shard, so another number of ranks is only another owner map. Saving is collective: either every
rank has written its part, or all of them raise. Syncing is left to whoever makes the folder's name final.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load
from safetensors.numpy import save as encode

from wideload import _native
from wideload.errors import CheckpointError
from wideload.strategies.sparse_ps.server import PsCluster

FORMAT = "wideload-sparse-ps-1"
FILE = "model.json"

Signs = npt.NDArray[np.uint64]
Known = dict[tuple[str, int], Signs]
Inventory = dict[str, dict[str, int]]


def save(directory: Path, server: PsCluster, step: int, rank: int) -> None:
    """Writes this rank's part; collective.

    Raises:
        CheckpointError: on every rank, when one cannot write.
    """
    _save(directory, server, step, rank, lambda table, folder: _native.save_rows(table, str(folder)))


def save_increment(directory: Path, server: PsCluster, step: int, since: int, known: Known) -> None:
    """Writes the rows touched from step ``since`` on, and the signs of ``known`` rows that are gone; collective."""

    def changed(table: Any, folder: Path) -> dict[str, int]:
        rows: dict[str, int] = {}
        for shard in _own_shards(server):
            rows |= _save_changed(table, shard, folder, since, known.get((table.name, shard)))
        return rows

    _save(directory, server, step, server.cluster.rank, changed)


def known_signs(server: PsCluster) -> Known:
    """The signs of this rank's rows, by table and shard: what tells later which rows are gone."""
    known: Known = {}

    def note() -> None:
        for table in server.tables:
            for shard in _own_shards(server):
                known[table.name, shard] = _native.shard_rows(table, shard)[0]

    _on_owner(server, note)
    return known


def restore(directory: Path, server: PsCluster) -> int:
    """Loads what :func:`save` wrote, under any number of ranks; returns the step that comes next.

    Raises:
        CheckpointError: a file is missing, is damaged or does not fit.
    """
    return _restore(directory, server, anew=True)


def restore_increment(directory: Path, server: PsCluster) -> int:
    """Puts what :func:`save_increment` wrote on top of what is loaded; returns the step that comes next."""
    return _restore(directory, server, anew=False)


def table_folder(directory: Path, name: str) -> Path:
    """Where the rows of a table lie; its name cannot lead elsewhere."""
    return directory / f"table-{quote(name, safe='')}"


# ---------------------------------------------------------------------------------------------- saving


def _save(directory: Path, server: PsCluster, step: int, rank: int, write: Callable[[Any, Path], Any]) -> None:
    server.flush()
    server.cluster.barrier()
    problem, inventory = "", {}
    try:
        _on_owner(server, lambda: inventory.update(_save_tables(directory, server, write)))
        _save_dense(directory, server, rank)
    except (OSError, CheckpointError) as error:
        problem = str(error)
    parts = _agreed(server, problem, inventory)
    try:
        if rank == 0:
            header = {"format": FORMAT, "step": step, "ranks": server.cluster.ranks, "tables": _merged(server, parts)}
            (directory / FILE).write_text(json.dumps(header, indent=1, sort_keys=True), encoding="utf-8")
        problem = ""
    except OSError as error:
        problem = str(error)
    _agreed(server, problem, {})


def _agreed(server: PsCluster, problem: str, inventory: Inventory) -> list[Inventory]:
    """What all ranks have written; raises on all of them when one could not."""
    everyone = server.cluster.allgather((problem, inventory))
    for rank, (text, _) in enumerate(everyone):
        if text:
            raise CheckpointError(f"rank {rank} could not write its part: {text}")
    return [part for _, part in everyone]


def _save_tables(directory: Path, server: PsCluster, write: Callable[[Any, Path], Any]) -> Inventory:
    inventory: Inventory = {}
    for table in server.tables:
        folder = table_folder(directory, table.name)
        folder.mkdir(exist_ok=True)
        inventory[table.name] = write(table, folder)
    return inventory


def _save_changed(table: Any, shard: int, folder: Path, since: int, known: Signs | None) -> dict[str, int]:
    signs, headers, floats = _native.shard_rows(table, shard)
    digest = _native.row_digest(table)
    touched = headers["last_step"] >= since
    gone = np.setdiff1d(known, signs) if known is not None else signs[:0]
    written = {}
    if touched.any():
        name = f"shard-{shard:03d}.rows"
        rows = signs[touched], headers[touched], floats[touched]
        _native.write_row_file(str(folder / name), shard, digest, *rows, synced=False)
        written[name] = len(rows[0])
    if len(gone):
        name = f"gone-{shard:03d}.rows"
        nothing = np.zeros(len(gone), headers.dtype), np.zeros((len(gone), 0), np.float32)
        _native.write_row_file(str(folder / name), shard, digest, gone, *nothing, synced=False)
        written[name] = len(gone)
    return written


def _save_dense(directory: Path, server: PsCluster, rank: int) -> None:
    weights, state, updates = server.native.dense_state()
    arrays = {"weights": weights, "state": state, "updates": np.array([updates], np.uint64)}
    (directory / f"dense-{rank:03d}.safetensors").write_bytes(encode(arrays))


def _merged(server: PsCluster, parts: list[Inventory]) -> dict[str, Any]:
    """Every table: its rows' form, and its files with their rows."""
    return {
        table.name: {
            "digest": _native.row_digest(table),
            "seed": table.seed,
            "salt": table.salt,
            "slices": [
                {"name": one.name, "dimension": one.dimension, "optimizer": one.optimizer.kind, "state": state}
                for one, state in zip(table.slices, state_floats(table), strict=True)
            ],
            "files": {name: rows for part in parts for name, rows in part[table.name].items()},
        }
        for table in server.tables
    }


def state_floats(table: Any) -> list[int]:
    """Floats of optimizer state of each slice."""
    return [_state_of(one.optimizer, one.dimension) for one in table.slices]


def _state_of(optimizer: Any, dimension: int) -> int:
    momentum = dimension if optimizer.momentum > 0 else 0
    floats = {"ftrl": 2 * dimension, "adagrad": dimension, "adam": 2 * dimension + 1, "sgd": momentum}
    return floats.get(optimizer.kind, 1)  # row-wise AdaGrad


# -------------------------------------------------------------------------------------------- restoring


def _restore(directory: Path, server: PsCluster, anew: bool) -> int:
    header = read_header(directory)
    dense = [_read_dense(directory, rank) for rank in range(header["ranks"])]
    _on_owner(server, lambda: _restore_tables(directory, header, server, anew))
    _restore_dense(dense, server)
    step: int = header["step"]
    server.native.set_first_step(step)
    server.cluster.barrier()
    return step


def read_header(directory: Path) -> dict[str, Any]:
    """``model.json``.

    Raises:
        CheckpointError: it is missing, damaged or of another form.
    """
    path = directory / FILE
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = header["format"]
        complete = {"step", "ranks", "tables"} <= set(header)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{directory} holds no complete sparse_ps model: {error}.") from None
    if found != FORMAT or not complete:
        raise CheckpointError(f"{path} is of format {found!r}, expected {FORMAT!r}.")
    return header


def _restore_tables(directory: Path, header: dict[str, Any], server: PsCluster, anew: bool) -> None:
    own = set(_own_shards(server))
    for table in server.tables:
        files = _files_of(header, table, directory)
        if anew:
            table.clear()
        folder = table_folder(directory, table.name)
        # Signs that are gone first: one may have come back since.
        for name, rows in sorted(files.items()):
            shard = int(name[-8:-5])
            if shard in own:
                _restore_file(table, folder / name, shard, rows)


def _files_of(header: dict[str, Any], table: Any, directory: Path) -> dict[str, int]:
    try:
        files: dict[str, int] = header["tables"][table.name]["files"]
    except KeyError:
        raise CheckpointError(
            f"{directory} has no table {table.name!r}; it has {', '.join(header['tables']) or 'none'}. "
            "Columns have changed; map the checkpoint onto the new columns first."
        ) from None
    return files


def _restore_file(table: Any, path: Path, shard: int, rows: int) -> None:
    stored_shard, digest, signs, headers, floats = _native.read_row_file(str(path))
    if (stored_shard, len(signs)) != (shard, rows):
        raise CheckpointError(f"{path} holds {len(signs)} rows of shard {stored_shard} where {rows} are expected.")
    if digest != _native.row_digest(table):
        raise CheckpointError(
            f"{path} was written by a table of another declaration than {table.name!r}: slices, dimensions, optimizers "
            "and admission must be the same."
        )
    if path.name.startswith("gone"):
        table.erase(signs)
    else:
        _native.put_rows(table, signs, headers, floats)


def _read_dense(directory: Path, rank: int) -> dict[str, Any]:
    path = directory / f"dense-{rank:03d}.safetensors"
    try:
        found: dict[str, Any] = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}. Restore another checkpoint.") from None
    return found


def _restore_dense(parts: list[dict[str, Any]], server: PsCluster) -> None:
    """Joins the slices that were saved and cuts this rank's out of them; state is two planes, each like the weights."""
    weights = np.concatenate([part["weights"] for part in parts])
    planes = [np.concatenate([np.split(part["state"], 2)[plane] for part in parts]) for plane in (0, 1)]
    rank, ranks = server.cluster.rank, server.cluster.ranks
    mine = slice(weights.size * rank // ranks, weights.size * (rank + 1) // ranks)
    state = np.concatenate([plane[mine] for plane in planes])
    server.native.restore_dense(weights[mine], state, int(parts[0]["updates"][0]))


# ----------------------------------------------------------------------------------------------- ranks


def _own_shards(server: PsCluster) -> range:
    first, last = _native.shard_range(server.cluster.rank, server.cluster.ranks)
    return range(first, last)


def _on_owner(server: PsCluster, work: Callable[[], None]) -> None:
    """Does the work where no push or pull is served meanwhile."""
    problems: list[Exception] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:
            problems.append(error)

    server.native.run(guarded)
    if problems:
        raise problems[0]
