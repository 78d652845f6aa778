"""The entries in the race, found by name.

Built-in strategies are listed below; third parties add theirs by the entry point group ``wideload.strategies``, whose
value is a :class:`wideload.harness.contract.Strategy` subclass. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from wideload.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from wideload.harness.contract import Strategy

GROUP = "wideload.strategies"

BUILT_IN = {
    "local": "wideload.strategies.local:Local",
    "sparse_ps": "wideload.strategies.sparse_ps.entry:SparsePs",
    "multi_worker_mirrored": "wideload.strategies.multi_worker_mirrored:MultiWorkerMirrored",
    "horovod": "wideload.strategies.horovod:Horovod",
    "tf_parameter_server": "wideload.strategies.tf_parameter_server.entry:TfParameterServer",
}


def names() -> list[str]:
    """Every registered strategy, the built-in ones first."""
    return [*BUILT_IN, *sorted(name for name in _plugins() if name not in BUILT_IN)]


def find(name: str) -> type[Strategy]:
    """The strategy class of that name.

    Raises:
        UnknownNameError: no such strategy; names the nearest one.
        UsageError: a plugin's entry point does not lead to a Strategy.
    """
    from wideload.harness.contract import Strategy

    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
    elif name in (plugins := _plugins()):
        found = plugins[name].load()
    else:
        raise UnknownNameError("strategy", name, names())
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise UsageError(f"strategy {name!r} leads to {found!r}, which is not a wideload.harness.contract.Strategy.")
    return found


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
