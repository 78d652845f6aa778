"""Reads a model that :mod:`wideload.strategies.sparse_ps.saving` wrote, with any number of ranks.

Each rank loads the files of the shards that it now owns, and takes its slice of the dense parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wideload import _native
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.tables.dense import Dense, read_dense
from wideload.harness.checkpoints.tables.rows import read_header, table_folder
from wideload.strategies.sparse_ps.saving import on_owner, own_shards
from wideload.strategies.sparse_ps.server import PsCluster


def restore(directory: Path, server: PsCluster) -> int:
    """Loads a full model, with any number of ranks; returns the next step. Collective.

    Raises:
        CheckpointError: a file is missing, is damaged or does not fit.
    """
    return _restore(directory, server, replace=True)


def restore_increment(directory: Path, server: PsCluster) -> int:
    """Applies an increment to the loaded model; returns the next step. Collective."""
    return _restore(directory, server, replace=False)


def put_dense(dense: Dense, step: int, server: PsCluster) -> None:
    """Sets this rank's slice of the dense parameters, and the next step of all ranks. Collective."""
    mine = dense.of_rank(server.cluster.rank, server.cluster.ranks)
    server.native.restore_dense(mine.weights, mine.planes.reshape(-1), mine.updates)
    server.native.set_first_step(step)
    server.cluster.barrier()


def _restore(directory: Path, server: PsCluster, replace: bool) -> int:
    header = read_header(directory)
    dense = read_dense(directory)
    on_owner(server, lambda: _restore_tables(directory, header, server, replace))
    step: int = header["step"]
    put_dense(dense, step, server)
    return step


def _restore_tables(directory: Path, header: dict[str, Any], server: PsCluster, replace: bool) -> None:
    own = set(own_shards(server))
    for table in server.tables:
        files = _files_of(header, table, directory)
        if replace:
            table.clear()
        folder = table_folder(directory, table.name)
        # Removed signs come first, because one may have been created again since.
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
            "The columns have changed; map the checkpoint onto the new columns first."
        ) from None
    return files


def _restore_file(table: Any, path: Path, shard: int, rows: int) -> None:
    stored_shard, digest, signs, headers, floats = _native.read_row_file(str(path))
    if (stored_shard, len(signs)) != (shard, rows):
        raise CheckpointError(f"{path} holds {len(signs)} rows of shard {stored_shard} where {rows} are expected.")
    if digest != _native.row_digest(table):
        raise CheckpointError(
            f"{path} was written by a table that was declared differently from {table.name!r}: slices, dimensions, "
            "optimizers and admission must be the same."
        )
    if path.name.startswith("gone"):
        table.erase(signs)
    else:
        _native.put_rows(table, signs, headers, floats)
