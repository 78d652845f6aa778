"""What ``Model.get_weights`` returns: a copy of everything that the parameter server holds, at one step.

::

    Weights = [the tower's variables, read-only]      as in Keras, for a look at them
              + this rank's rows of every table       whole rows, with optimizer state
              + this rank's slice of the dense vector with optimizer state

So ``set_weights`` restores the model exactly. A copy takes as much memory as this rank's rows do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from wideload import _native
from wideload.strategies.sparse_ps import saving
from wideload.strategies.sparse_ps.server import PsCluster


class Weights(list[npt.NDArray[np.float32]]):
    """The tower's variables, read-only, and the state of this rank's part of the server.

    Attributes:
        snapshot: this rank's rows and slice of the dense vector.
        server: the server that they belong to.
    """

    def __init__(
        self, variables: Iterable[npt.NDArray[np.float32]], snapshot: saving.PsSnapshot, server: PsCluster
    ) -> None:
        super().__init__(variables)
        for array in self:
            array.flags.writeable = False
        self.snapshot = snapshot
        self.server = server


def whole_dense(server: PsCluster) -> npt.NDArray[np.float32]:
    """Returns the dense vector of all ranks, float32 ``[P + Q]``. Collective."""
    return np.concatenate(server.cluster.allgather(server.native.dense_state()[0]))


def put_back(server: PsCluster, snapshot: saving.PsSnapshot) -> None:
    """Replaces this rank's rows and slice of the dense vector. Collective."""
    server.flush()
    server.cluster.barrier()
    saving.on_owner(server, lambda: _put_rows(server, snapshot))
    dense = snapshot.dense
    server.native.restore_dense(dense.weights, dense.planes.reshape(-1), dense.updates)
    server.cluster.barrier()


def _put_rows(server: PsCluster, snapshot: saving.PsSnapshot) -> None:
    tables: dict[str, Any] = {table.name: table for table in server.tables}
    for table in tables.values():
        table.clear()
    for shard in snapshot.shards:
        _native.put_rows(tables[shard.table], shard.signs, shard.headers, shard.floats)
