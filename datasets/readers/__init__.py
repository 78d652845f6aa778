"""The formats that rows can be read from, by name; one module per format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload.registry import Registry

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

_READERS: Registry[Reader] = Registry("data format", "wideload.datasets.readers.contract:Reader", READERS)


def find(name: str) -> type[Reader]:
    """Returns the reader class with this name.

    Raises:
        UnknownNameError: there is no such reader; the message names the nearest one.
    """
    return _READERS.find(name)
