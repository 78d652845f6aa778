"""The kernels that look rows up: the project's own, or only TensorFlow's. An option of every replicated strategy."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wideload.errors import UnavailableError

if TYPE_CHECKING:
    from wideload.harness.features.layout import TableLayout
    from wideload.harness.model.embedding_bag import Bag

Choice = Literal["auto", "native", "tensorflow"]


@dataclass(frozen=True, slots=True)
class Kernels:
    """Attributes:
    bag: creates the look-up of one table.
    unique: takes int64 ``[n]``; returns the distinct values in order of first appearance, and int32 ``[n]``, the index
        of each value's distinct value.
    """

    bag: Callable[[TableLayout], Bag]
    unique: Callable[[Any], tuple[Any, Any]]


def find_kernels(choice: Choice) -> Kernels:
    """Returns the kernels of that name; ``auto`` uses the native ones where they were built.

    Raises:
        UnavailableError: native kernels are requested but were not built.
    """
    if choice == "tensorflow":
        return _tensorflow()
    try:
        return _native()
    except UnavailableError:
        if choice == "native":
            raise
        return _tensorflow()


def _native() -> Kernels:
    if importlib.util.find_spec("wideload._native") is None:
        raise UnavailableError(
            "wideload's native module is not built; install wideload where a C++20 compiler is available."
        )
    from wideload.harness.model.native_bag import native_bag
    from wideload.ops import unique_signs

    return Kernels(native_bag, lambda values: unique_signs(values)[:2])


def _tensorflow() -> Kernels:
    import tensorflow as tf

    from wideload.harness.model.embedding_bag import reference_bag

    return Kernels(reference_bag, lambda values: tuple(tf.unique(values)))
