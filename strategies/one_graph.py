"""A function of tensors as one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class OneGraph:
    """Traced at its first call, once, and then called as it is.

    A ``tf.function`` looks for the graph that fits its arguments at every call, although with a signature there is one:
    0.3 ms of Python a step.

    Args:
        function: from tensors to tensors.
        signature: ``tf.TensorSpec``s of its arguments, nested as they are.
    """

    def __init__(self, function: Callable[..., Any], signature: list[Any]) -> None:
        self._function = tf.function(function, input_signature=signature, autograph=False)
        self._graph: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self._graph is None:
            self._graph = self._function.get_concrete_function()
        return self._graph(*arguments)
