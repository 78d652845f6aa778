"""Names for the types of TensorFlow that functions here take and give.

TensorFlow has no type information of its own, so for a type checker these are ``Any``; they say what is meant. Shapes
and dtypes are in the docstrings: ``float32 [B, D]``. Importing this module does not import TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import tensorflow as tf

    Tensor: TypeAlias = tf.Tensor
    """A tensor, eager or within a ``tf.function``; where it is only read, a NumPy array or a variable will do."""
    Variable: TypeAlias = tf.Variable
    """A variable, which the function assigns to."""
    FeatureColumn: TypeAlias = Any
    """A column of ``tf.feature_column``; their classes have no public name."""
else:
    Tensor: TypeAlias = Any
    Variable: TypeAlias = Any
    FeatureColumn: TypeAlias = Any
