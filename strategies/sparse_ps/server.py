"""This rank's end of the parameter server in Python: set-up, which checks that all ranks agree, and operation.

Set-up and shutdown are collective. Errors of the native part that concern the job are raised as
:class:`wideload.errors.ClusterError`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wideload import _native
from wideload.errors import ClusterError, UsageError
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint
from wideload.strategies.mpi_library import find as find_mpi_library
from wideload.strategies.sparse_ps.meeting import Meetings
from wideload.strategies.sparse_ps.options import SparsePsOptions
from wideload.strategies.sparse_ps.tables import describe

UNBOUNDED = 2**64 - 1


class PsCluster:
    """A rank's worker half, owner half and service thread (``native/cluster/ps_cluster.h``).

    Args:
        tables: this rank's shard of every table.
        dense: float32 ``[P]``, the initial dense parameters of all ranks together.
        segments: runs of dense parameters ``(size, optimizer)``.
        cluster: the ranks.
        options: the options of the strategy.
        declaration: further values that must be equal on all ranks, by name.
        meetings: where the ranks meet for :meth:`close`; None: this server's own.

    Raises:
        ClusterError: ranks disagree. The message names what differs and on which rank.
        UnavailableError: wideload was built without the MPI in use.
    """

    def __init__(
        self,
        tables: Sequence[Any],
        dense: npt.NDArray[np.float32],
        segments: Sequence[tuple[int, Any]],
        cluster: Cluster,
        options: SparsePsOptions,
        declaration: Mapping[str, str],
        meetings: Meetings | None = None,
    ) -> None:
        self.tables = list(tables)
        self.cluster = cluster
        self._meetings = meetings if meetings is not None else Meetings(cluster, options.timeout)
        agree(cluster, {**_declared(tables, dense, options), **declaration})
        with _cluster_errors():
            self._native = _native.PsCluster(
                transport=str(find_mpi_library()),
                comm=cluster.comm.handle,
                tables=self.tables,
                dense=dense,
                segments=list(segments),
                synchronous=options.synchronous,
                staleness=options.staleness if options.mode == "bounded" else UNBOUNDED,
                wire=options.wire,
                max_in_flight=options.max_in_flight,
                timeout=options.timeout,
                resend_after=options.resend_after,
                idle_poll=options.idle_poll,
            )
        self._closed = False

    @property
    def id(self) -> int:
        """The number by which the ops find this server."""
        found: int = self._native.id
        return found

    @property
    def wait_seconds(self) -> tuple[float, float]:
        """Seconds waited for pulls and for pushes since the start."""
        found: tuple[float, float] = self._native.wait_seconds
        return found

    @property
    def native(self) -> Any:
        """The bound ``PsCluster``."""
        return self._native

    def prefetch(self, step: int, signs: Sequence[npt.NDArray[np.int64]]) -> None:
        self._native.prefetch(step, list(signs))

    def flush(self) -> None:
        """Waits until every push of this rank is applied."""
        with _cluster_errors():
            self._native.flush()

    def abandon(self, step: int) -> None:
        """Drops a step that was pulled and will not be pushed: what the other ranks push for it is applied.

        Waits until all its rows have arrived. Afterwards the step may be pulled again where the mode is asynchronous.

        Raises:
            ClusterError: the step is not outstanding, or the job has failed.
        """
        with _cluster_errors():
            self._native.abandon(step)

    def set_learning_rate_scale(self, scale: float) -> None:
        """Sets a factor on every learning rate of this rank's shard, valid until it is set again.

        Raises:
            UsageError: the scale is not above 0.
        """
        if not 0 < scale < float("inf"):
            raise UsageError(f"the factor on the learning rates is {scale}; valid: above 0.")
        with _cluster_errors():
            self._native.set_learning_rate_scale(float(scale))

    def counters(self) -> Mapping[str, float]:
        with _cluster_errors():
            found: Mapping[str, float] = self._native.counters()
        return found

    def footprint(self) -> Footprint:
        """Returns the bytes of this rank's shard and of its message buffers."""
        memory = [table.memory() for table in self.tables]
        weights, state, _ = self._native.dense_state()
        return Footprint(
            weights=sum(part["weights"] for part in memory) + weights.nbytes,
            optimizer=sum(part["optimizer"] for part in memory) + state.nbytes,
            index=sum(part[owner] for part in memory for owner in ("headers", "index", "slack", "fixed")),
            buffers=int(self.counters()["buffer_bytes"]),
        )

    def close(self) -> None:
        """Collective unless the job has failed already; idempotent.

        Raises:
            ClusterError: another rank does something else, or nothing within the time-out.
        """
        if self._closed:
            return
        self._closed = True
        if not self._has_failed():  # a failed job has no other rank to wait for
            self._meetings.meet("close", self.progress)
        self._native.close()

    def _has_failed(self) -> bool:
        try:
            self.flush()
        except ClusterError:
            return True
        return False

    def progress(self) -> float:
        """A number that grows while other ranks train or read: the messages of this rank, answers included."""
        return self.counters()["messages"]


def agree(cluster: Cluster, declaration: Mapping[str, str]) -> None:
    """Raises ClusterError on every rank if any of them declares a different value. Collective."""
    everyone = cluster.allgather(dict(declaration))
    for name, value in everyone[0].items():
        for rank, other in enumerate(everyone):
            if other.get(name) != value:
                raise ClusterError(
                    f"ranks disagree about {name}: rank 0 has {value}, rank {rank} has {other.get(name)}. "
                    "Start all ranks with the same script, data and options."
                )


def _declared(tables: Sequence[Any], dense: npt.NDArray[np.float32], options: SparsePsOptions) -> dict[str, str]:
    declared = {f"table {table.name!r}": describe(table) for table in tables}
    declared["number of tables"] = str(len(tables))
    declared["dense parameters"] = f"{dense.size} with checksum {int(dense.view(np.uint32).sum(dtype=np.uint64)):#x}"
    declared |= {f"option {name}": str(value) for name, value in options.model_dump().items()}
    return declared


@contextlib.contextmanager
def _cluster_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ClusterError(str(error)) from error
