"""What the model does not take from Keras, with what to use instead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tf_keras as keras

from wideload.errors import UsageError

_FILES = (".keras", ".h5", ".hdf5")


def require_tower(tower: Any) -> None:
    """Raises UsageError unless ``tower`` is a model of ``tf_keras`` that can be trained here."""
    require_tf_keras("the tower", [tower])
    if not isinstance(tower, keras.Model):
        raise UsageError(f"the tower is {tower!r}; valid: a model of tf_keras (`import tf_keras as keras`).")
    if any(layer.dtype_policy.name == "mixed_float16" for layer in [tower, *tower.submodules] if _is_layer(layer)):
        raise UsageError(
            "the tower computes in mixed_float16, whose gradients need a scaled loss, which the parameter server does "
            "not offer. Use keras.mixed_precision.set_global_policy('mixed_bfloat16') or float32."
        )


def _is_layer(module: Any) -> bool:
    return isinstance(module, keras.layers.Layer)


def require_tf_keras(what: str, objects: Iterable[Any]) -> None:
    """Raises UsageError for an object of Keras 3, which is what ``tf.keras`` is since TensorFlow 2.16."""
    for each in objects:
        found = type(each)
        if any(base.__module__.partition(".")[0] == "keras" for base in found.__mro__):
            raise UsageError(
                f"{what}: {found.__name__} is of Keras 3 (tf.keras since TensorFlow 2.16). Make it with tf_keras: "
                "`import tf_keras as keras`, or set TF_USE_LEGACY_KERAS=1 before importing tensorflow."
            )


def require_callbacks(callbacks: Iterable[Any]) -> None:
    """Raises UsageError for callbacks that would save or restore something other than the server's state."""
    callbacks = list(callbacks)
    require_tf_keras("callbacks", callbacks)
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise UsageError(
                "BackupAndRestore saves TensorFlow's variables, and the rows are in the parameter server. Use "
                "ModelCheckpoint(folder, save_weights_only=True), and after a restart model.load_weights(folder) and "
                "fit(..., initial_epoch=...)."
            )


def require_folder(path: Path, save_format: str | None = None) -> None:
    """Raises UsageError for what names a file of Keras: a checkpoint is a folder."""
    if path.suffix in _FILES or save_format in ("keras", "h5", "tf"):
        given = path.name if save_format is None else f"{path.name} with save_format={save_format!r}"
        raise UsageError(
            f"{given} is a format of Keras, which cannot hold the rows of the parameter server. Give a folder, such "
            f"as {str(path.with_suffix(''))!r}; model.restore(folder) loads it."
        )
