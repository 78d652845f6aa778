"""The interface of encoders, which turn raw values into local ids ``0..rows-1``, or into 64-bit hashes without a bound.

::

    Encoder.rows            number of ids, or None: unbounded
    Encoder.encode(values)  pyarrow array, no lists -> int64 [n]; ABSENT stands for "no value here"

A custom encoder is a subclass that is registered with :func:`register`, or by the entry point group
``wideload.encoders``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from wideload.arrays import Integers
from wideload.errors import UnknownNameError, UsageError
from wideload.harness.features.arrow import ArrowArray
from wideload.registry import plugins

ABSENT = np.iinfo(np.int64).min
"""Stands for "no value" in encoded arrays of bounded encoders and in ``Encoder.encode``'s result."""

GROUP = "wideload.encoders"


class Encoder(ABC):
    """Turns raw values into ids. It must be a pure function of the value and of the encoder's own options."""

    rows: int | None = None
    """Ids are in ``[0, rows)``; None: any 64-bit value but ABSENT."""

    strict: bool = False
    """Whether a value without an id is an error that names its row; if not, it counts as no value."""

    @abstractmethod
    def encode(self, values: ArrowArray) -> Integers:
        """Ids int64 ``[n]`` of an array of integers, strings or dictionary-encoded strings, nulls allowed."""

    def identity(self) -> str:
        """Whatever else the result depends on, for the fingerprint: for instance the content of a vocabulary."""
        return ""


_registered: dict[str, type[Encoder]] = {}


def register(name: str, encoder: type[Encoder]) -> None:
    """Makes ``encoder = {kind = "custom", name = NAME}`` mean ``encoder(field, **options)``.

    Raises:
        UsageError: the class is no Encoder, or the name is taken by another one.
    """
    if not (isinstance(encoder, type) and issubclass(encoder, Encoder)):
        raise UsageError(
            f"encoder {name!r}: {encoder!r} is not a subclass of wideload.harness.features.encoder.Encoder."
        )
    if _registered.setdefault(name, encoder) is not encoder:
        raise UsageError(f"encoder {name!r} is registered already, as {_registered[name]!r}; choose another name.")


def registered(name: str, column: str) -> type[Encoder]:
    """The encoder class of that name.

    Raises:
        UnknownNameError: there is none; names the column and the nearest name.
    """
    if name not in _registered:
        others = plugins(GROUP)
        if name not in others:
            raise UnknownNameError(f"encoder of column {column!r}", name, {*_registered, *others})
        register(name, others[name].load())
    return _registered[name]
