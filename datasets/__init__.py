"""Data sets, found by name.

The built-in data sets are listed below. Third parties register theirs under the entry point group
``wideload.datasets``; the entry point's value is a subclass of :class:`wideload.datasets.contract.Dataset`. A data set
is imported on first use.
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
    """Returns the names of all registered data sets, built-in ones first."""
    return _DATASETS.names()


def find(name: str) -> type[Dataset]:
    """Returns the data set class with this name.

    Raises:
        UnknownNameError: there is no such data set; the message names the nearest one.
        UsageError: a plug-in's entry point is not a Dataset subclass.
    """
    return _DATASETS.find(name)


def load(text: str) -> Dataset:
    """Creates the data set described by ``name`` or ``name[option=value,...]``."""
    spec = Spec.parse(text)
    dataset = find(spec.name)
    return dataset(spec.options(dataset.Options))
