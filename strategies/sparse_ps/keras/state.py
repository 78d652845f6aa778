"""Saving, restoring and copying a model whose state is in the parameter server, under the names that Keras uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from wideload.errors import UsageError
from wideload.strategies.sparse_ps import saving
from wideload.strategies.sparse_ps.keras import checkpoint
from wideload.strategies.sparse_ps.keras.dense_vector import DenseVector
from wideload.strategies.sparse_ps.keras.refusals import require_folder
from wideload.strategies.sparse_ps.keras.strategy import PsStrategy
from wideload.strategies.sparse_ps.keras.weights import Weights, put_back, whole_dense
from wideload.strategies.sparse_ps.server import PsCluster


class ServedState(keras.Model):  # type: ignore[misc]
    """Keras's methods for weights, over the whole state of the server.

    Attributes:
        tower: the part of the model that has variables.
        strategy: the job.
    """

    tower: keras.Model
    strategy: PsStrategy
    _dense: DenseVector
    _cluster: PsCluster | None

    @property
    def cluster(self) -> PsCluster:
        """The parameter server.

        Raises:
            UsageError: not compiled yet.
        """
        if self._cluster is None:
            raise UsageError("the model has no parameter server yet: call compile first.")
        return self._cluster

    def save(self, directory: str | Path, overwrite: bool = True, save_format: str | None = None, **_: Any) -> None:
        """Writes tables, dense vector and step into a folder; complete or absent. Collective.

        Raises:
            UsageError: the name or format of a Keras file is given, or the folder exists and ``overwrite`` is False.
            ClusterError: another rank does something else, or nothing within the time-out.
        """
        require_folder(Path(directory), save_format)
        if not overwrite and any(self.strategy.gather("save", Path(directory).exists())):
            raise UsageError(f"{directory} exists; give another folder, or overwrite=True.")
        self.strategy.meet("save")
        checkpoint.save(Path(directory), self.cluster, int(self.optimizer.iterations), self._dense.shapes)

    def restore(self, directory: str | Path) -> None:
        """Loads what :meth:`save` wrote, under any number of ranks. Collective.

        Raises:
            CheckpointError: a file is missing or does not fit.
            ClusterError: another rank does something else, or nothing within the time-out.
        """
        require_folder(Path(directory))
        server = self.cluster
        self.strategy.meet("restore")
        self.optimizer.iterations.assign(checkpoint.restore(Path(directory), server, self._dense.shapes))

    def save_weights(self, filepath: str | Path, overwrite: bool = True, **options: Any) -> None:
        """:meth:`save`, by the name that ``keras.callbacks.ModelCheckpoint(save_weights_only=True)`` calls."""
        self.save(filepath, overwrite, **options)

    def load_weights(self, filepath: str | Path, **_: Any) -> None:
        """:meth:`restore`, by Keras's name."""
        self.restore(filepath)

    def get_weights(self) -> list[Any]:
        """A copy of everything that the server holds, for :meth:`set_weights`: dense vector and rows. Collective.

        The list has the tower's variables, in its order; rows and optimizer state come with it and take as much memory
        as this rank's rows do. Before :meth:`compile`, the tower's variables.
        """
        if self._cluster is None:
            return self.tower.get_weights()  # type: ignore[no-any-return]
        self.strategy.meet("get_weights")
        snapshot = saving.snapshot(self._cluster, int(self.optimizer.iterations))
        self._dense.assign(tf.constant(whole_dense(self._cluster)))
        return Weights(self.tower.get_weights(), snapshot, self._cluster)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Returns to what :meth:`get_weights` copied, exactly; the count of steps continues. Collective.

        Raises:
            UsageError: the weights are not a whole result of :meth:`get_weights` of this model: rows would be missing.
        """
        if self._cluster is None:
            self.tower.set_weights(weights)
            return
        if not isinstance(weights, Weights) or weights.server is not self._cluster:
            raise UsageError(
                "set_weights takes what get_weights of this model returned, since the rows are in the parameter server "
                "and in no list of arrays. To load other values: tower.set_weights before compile, or model.restore."
            )
        self.strategy.meet("set_weights")
        put_back(self._cluster, weights.snapshot)
        self._dense.assign(tf.constant(whole_dense(self._cluster)))

    def export(self, filepath: str | Path, *_: Any, **__: Any) -> None:
        """Always raises an error: a SavedModel would have no rows.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"export({str(filepath)!r}): a SavedModel cannot hold the rows of the parameter server. Use "
            "model.save(folder), and read its tables with wideload.harness.checkpoints."
        )
