"""Data sets, found by name.

Built-in data sets are listed below; third parties add theirs by the entry point group ``wideload.datasets``, whose
value is a :class:`wideload.datasets.contract.Dataset` subclass. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload.options import Spec
from wideload.registry import Registry

if TYPE_CHECKING:
    from wideload.datasets.contract import Dataset

GROUP = "wideload.datasets"

BUILT_IN = {
    "census": "wideload.datasets.census:Census",
    "planted": "wideload.datasets.planted.dataset:Planted",
    "shards": "wideload.datasets.shards:Shards",
}

_DATASETS: Registry[Dataset] = Registry("data set", "wideload.datasets.contract:Dataset", BUILT_IN, GROUP)


def names() -> list[str]:
    """Every registered data set, the built-in ones first."""
    return _DATASETS.names()


def find(name: str) -> type[Dataset]:
    """The data-set class of that name.

    Raises:
        UnknownNameError: no such data set; names the nearest one.
        UsageError: a plugin's entry point does not lead to a Dataset.
    """
    return _DATASETS.find(name)


def load(text: str) -> Dataset:
    """The data set that ``name`` or ``name[option=value,...]`` stands for."""
    spec = Spec.parse(text)
    dataset = find(spec.name)
    return dataset(spec.options(dataset.Options))
