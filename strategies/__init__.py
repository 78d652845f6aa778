"""The distribution strategies, found by name.

Built-in strategies are listed below. Third parties add theirs through the entry point group ``wideload.strategies``,
whose value is a :class:`wideload.harness.contract.Strategy` subclass. A strategy is imported only when it is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload.registry import Registry

if TYPE_CHECKING:
    from wideload.harness.contract import Strategy

GROUP = "wideload.strategies"

BUILT_IN = {
    "local": "wideload.strategies.local:Local",
    "sparse_ps": "wideload.strategies.sparse_ps.entry:SparsePs",
    "multi_worker_mirrored": "wideload.strategies.multi_worker_mirrored:MultiWorkerMirrored",
    "horovod": "wideload.strategies.horovod:Horovod",
    "mpi_allreduce": "wideload.strategies.mpi_allreduce:MpiAllreduce",
    "horovod_alltoall": "wideload.strategies.horovod_alltoall:HorovodAlltoall",
    "tf_parameter_server": "wideload.strategies.tf_parameter_server.entry:TfParameterServer",
}

_STRATEGIES: Registry[Strategy] = Registry("strategy", "wideload.harness.contract:Strategy", BUILT_IN, GROUP)


def names() -> list[str]:
    """Every registered strategy, the built-in ones first."""
    return _STRATEGIES.names()


def find(name: str) -> type[Strategy]:
    """The strategy class of that name.

    Raises:
        UnknownNameError: no such strategy; names the nearest one.
        UsageError: a plug-in's entry point is not a Strategy subclass.
    """
    return _STRATEGIES.find(name)
