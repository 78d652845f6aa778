"""Formats that rows are read from, by name: one module per format."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from wideload.errors import UnknownNameError

if TYPE_CHECKING:
    from wideload.datasets.readers.contract import Reader

READERS = {
    "criteo": "wideload.datasets.readers.criteo:Criteo",
    "avazu": "wideload.datasets.readers.avazu:Avazu",
    "movielens": "wideload.datasets.readers.movielens:MovieLens",
    "frappe": "wideload.datasets.readers.frappe:Frappe",
    "census": "wideload.datasets.readers.census:CensusIncome",
    "custom": "wideload.datasets.readers.custom:Custom",
}


def find(name: str) -> type[Reader]:
    """The reader of that name.

    Raises:
        UnknownNameError: there is none; names the nearest.
    """
    if name not in READERS:
        raise UnknownNameError("data format", name, READERS)
    module, _, attribute = READERS[name].partition(":")
    found: type[Reader] = getattr(importlib.import_module(module), attribute)
    return found
