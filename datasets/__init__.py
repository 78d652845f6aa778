"""Data sets, found by name.

Built-in data sets are listed below; third parties add theirs by the entry point group ``wideload.datasets``, whose
value is a :class:`wideload.datasets.contract.Dataset` subclass. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from wideload.errors import UnknownNameError, UsageError
from wideload.options import Spec

if TYPE_CHECKING:
    from wideload.datasets.contract import Dataset

GROUP = "wideload.datasets"

BUILT_IN = {
    "census": "wideload.datasets.census:Census",
    "planted": "wideload.datasets.planted.dataset:Planted",
    "shards": "wideload.datasets.shards:Shards",
}


def names() -> list[str]:
    """Every registered data set, the built-in ones first."""
    return [*BUILT_IN, *sorted(name for name in _plugins() if name not in BUILT_IN)]


def find(name: str) -> type[Dataset]:
    """The data-set class of that name.

    Raises:
        UnknownNameError: no such data set; names the nearest one.
        UsageError: a plugin's entry point does not lead to a Dataset.
    """
    from wideload.datasets.contract import Dataset

    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
    elif name in (plugins := _plugins()):
        found = plugins[name].load()
    else:
        raise UnknownNameError("data set", name, names())
    if not (isinstance(found, type) and issubclass(found, Dataset)):
        raise UsageError(f"data set {name!r} leads to {found!r}, which is not a wideload.datasets.contract.Dataset.")
    return found


def load(text: str) -> Dataset:
    """The data set that ``name`` or ``name[option=value,...]`` stands for."""
    spec = Spec.parse(text)
    dataset = find(spec.name)
    return dataset(spec.options(dataset.Options))


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
