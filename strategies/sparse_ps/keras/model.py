"""``Model``: a Keras model whose embeddings and variables are stored in the parameter server.

::

    inputs --+--> features (EmbeddingFeatures ...) --pull--> rows --combine--> embedded --+
             |                                                                            +--> tower --> loss
             +--> other inputs -----------------------------------------------------------+
                                                                                          |
                     one push: gradients of the rows and of the tower's variables  <-------+

A step is one exchange for all layers and the tower together. All of it is in the graph: the dense vector that comes
with the rows is assigned to the tower's variables, and an op pushes the gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from wideload import ops
from wideload.errors import ColumnError, UsageError
from wideload.harness.model.tensors import Tensor
from wideload.strategies.sparse_ps.keras.dense_vector import DenseVector, require_freezable
from wideload.strategies.sparse_ps.keras.features import Bags, EmbeddingFeatures
from wideload.strategies.sparse_ps.keras.loops import Loops, named
from wideload.strategies.sparse_ps.keras.optimizer import Optimizer
from wideload.strategies.sparse_ps.keras.refusals import require_tf_keras, require_tower
from wideload.strategies.sparse_ps.keras.strategy import PsStrategy
from wideload.strategies.sparse_ps.server import PsCluster, agree


class Model(Loops):
    """Embedding layers, and a tower over their outputs and the other inputs.

    Args:
        features: embedding layers. The tower receives their outputs as inputs of the layers' names.
        tower: a built model of ``tf_keras`` that takes a dictionary (if functional, of its ``keras.Input`` names).
        strategy: the job.

    Raises:
        ColumnError: there is no layer, or two layers have the same name.
        UsageError: the tower is not built.
    """

    def __init__(
        self, features: Sequence[EmbeddingFeatures], tower: keras.Model, strategy: PsStrategy, name: str | None = None
    ) -> None:
        super().__init__(name=name, autocast=False, dtype="float32")
        require_tower(tower)
        names = [layer.name for layer in features]
        if not names or len(set(names)) < len(names):
            raise ColumnError(f"a Model takes EmbeddingFeatures layers with different names; given: {names}.")
        self.features = list(features)
        self.tower = tower
        self.strategy = strategy
        self._dense = DenseVector(tower)
        self._widths = [layer.dimension for layer in self.features]
        self._loss_tracker = keras.metrics.Mean(name="loss")
        self._cluster: PsCluster | None = None
        self.built = True  # the tower is, and nothing else has variables

    # ---------------------------------------------------------------------------------------------- set-up

    def compile(self, optimizer: Optimizer, *arguments: Any, **options: Any) -> None:
        """As in Keras, with an :class:`Optimizer`. Collective: the first call opens the parameter server.

        Raises:
            ClusterError: ranks disagree. The message names what differs.
            UsageError: the optimizer is not an :class:`Optimizer` or not the one compiled first; ``jit_compile``; or a
                layer was frozen that cannot be.
        """
        if not isinstance(optimizer, Optimizer):
            raise UsageError(
                f"compile was given the optimizer {optimizer!r}; gradients are applied by the parameter server: "
                "give it a wideload.strategies.sparse_ps.Optimizer."
            )
        given = named(keras.Model.compile, self, (optimizer, *arguments), options)
        if given.get("jit_compile") is True:
            raise UsageError("jit_compile=True: XLA cannot compile the parameter server's ops; leave it out.")
        if self._cluster is not None and optimizer is not self.optimizer:
            raise UsageError("the parameter server already runs with another optimizer; make a new Model.")
        measures = [given.get(name) for name in ("loss", "metrics", "weighted_metrics")]
        require_tf_keras("compile", tf.nest.flatten(measures))
        self._freeze(optimizer)
        super().compile(**given)
        if self._cluster is None:
            self._cluster = self._open(optimizer)
            for layer in self.features:
                layer.bind(self._read_one)

    def _freeze(self, optimizer: Optimizer) -> None:
        """Honours ``trainable`` of the tower's layers and of the features, as :meth:`compile` does in Keras."""
        if self._cluster is not None:
            self._dense.freeze(self.tower, optimizer.dense)
        for layer in self.features:
            if not layer.trainable:
                own = layer.sparse_optimizer if layer.sparse_optimizer is not None else optimizer.sparse
                require_freezable(own, f"layer {layer.name!r}")

    def _open(self, optimizer: Optimizer) -> PsCluster:
        self._dense = DenseVector(self.tower)  # layers may have been frozen since
        self.strategy.meet("compile")
        declared = {
            "the names of the features": ", ".join(layer.name for layer in self.features),
            **{f"layer {layer.name!r}": layer.declaration for layer in self.features},
            "the variables of the tower": self._dense.declaration,
            "the optimizer": optimizer.declaration,
        }
        cluster = self.strategy.cluster
        agree(cluster, declared)
        dense = cluster.comm.bcast(self._dense.initial())
        tables = [layer.make_table(optimizer.sparse, self.strategy.seed) for layer in self.features]
        opened = self.strategy.open(tables, dense, self._dense.segments(optimizer.dense), {})
        self._dense.assign(tf.constant(dense))
        return opened

    @property
    def metrics(self) -> list[Any]:
        """Keras's metrics, with a ``loss`` that is the mean over the examples of all ranks."""
        return [self._loss_tracker, *(metric for metric in super().metrics if metric.name != "loss")]

    def count_params(self) -> int:
        """The number of the tower's parameters; rows are created in training and not counted."""
        return int(self.tower.count_params())

    # ----------------------------------------------------------------------------------------------- steps

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Returns the tower's outputs; looks rows up without creating any."""
        bags = [layer.bags(inputs) for layer in self.features]
        found = ops.sparse_table_read(self.cluster.id, [each.signs for each in bags], self._widths)
        self._dense.assign(found.dense)
        return self._forward(inputs, bags, found.rows, found.inverse, training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Pulls, runs the tower forward and backward, and pushes. Collective in synchronous modes."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        step = tf.convert_to_tensor(self.optimizer.iterations)
        bags = [layer.bags(inputs) for layer in self.features]
        pulled = ops.sparse_table_pull(self.cluster.id, step, [each.signs for each in bags], self._widths)
        factor = self._scale(step)
        self._dense.assign(pulled.dense)
        with tf.GradientTape() as tape:
            tape.watch(pulled.rows)
            outputs = self._forward(inputs, bags, pulled.rows, pulled.inverse, training=True)
            loss = tf.cast(self.compute_loss(inputs, labels, outputs, weights), tf.float32)
        gradients = tape.gradient(loss, [pulled.rows, self._dense.trainable], unconnected_gradients="zero")
        self._push(step, pulled, gradients, self._share(outputs, loss), factor)
        self.optimizer.iterations.assign_add(1)
        return self.compute_metrics(inputs, labels, outputs, weights)  # type: ignore[no-any-return]

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluates one batch; creates no row and changes no weight. Collective in synchronous modes."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self(inputs, training=False)
        loss = tf.cast(self.compute_loss(inputs, labels, outputs, weights), tf.float32)
        size = _examples(outputs)
        self._loss_tracker.update_state(tf.math.multiply_no_nan(loss, tf.sign(size)), sample_weight=size)
        return self.compute_metrics(inputs, labels, outputs, weights)  # type: ignore[no-any-return]

    def _push(self, step: Tensor, pulled: ops.Pulled, gradients: Tensor, share: Tensor, factor: Tensor) -> None:
        shares = [share if layer.trainable else 0.0 for layer in self.features]
        rows = [tf.math.multiply_no_nan(one, part) for one, part in zip(gradients[0], shares, strict=True)]
        dense = self._dense.gradient(gradients[1], pulled.dense, share, factor)
        ops.sparse_table_push(self.cluster.id, step, rows, dense)

    def _share(self, outputs: Tensor, loss: Tensor) -> Any:
        """Returns this rank's share of the global batch, in [0, 1]; also updates the loss metric."""
        size = _examples(outputs)
        if not self.strategy.synchronous:
            self._loss_tracker.update_state(tf.math.multiply_no_nan(loss, tf.sign(size)), sample_weight=size)
            return tf.sign(size) / self.strategy.ranks
        total = ops.sum_over_ranks(self.cluster.id, tf.stack([size, tf.math.multiply_no_nan(loss, size)]))
        self._loss_tracker.update_state(tf.math.divide_no_nan(total[1], total[0]), sample_weight=total[0])
        return tf.math.divide_no_nan(size, total[0])

    def _scale(self, step: Tensor) -> Any:
        """Sets the owners' rates: after the pull they have applied all earlier pushes, and none of this step."""
        factor = self.optimizer.factor(step)
        if factor is None:
            return 1.0
        tf.numpy_function(self.cluster.set_learning_rate_scale, [factor], [])
        return factor

    def _forward(
        self, inputs: Mapping[str, Any], bags: Sequence[Bags], rows: Tensor, inverses: Any, training: bool | None
    ) -> Any:
        embedded = {
            layer.name: layer.combine(table, inverse, each)
            for layer, table, inverse, each in zip(self.features, rows, inverses, bags, strict=True)
        }
        return self.tower(self._chosen({**inputs, **embedded}), training=training)

    def _chosen(self, available: dict[str, Any]) -> dict[str, Any]:
        """Returns the inputs that a functional tower declares; any other tower gets all of them."""
        wanted = getattr(self.tower, "input_names", None)
        if not wanted:
            return available
        if missing := [name for name in wanted if name not in available]:
            raise UsageError(
                f"the tower has inputs {missing} that nothing provides; name each keras.Input one of "
                f"{sorted(available)}."
            )
        return {name: available[name] for name in wanted}

    def _read_one(self, layer: EmbeddingFeatures, bags: Bags) -> tuple[Any, Any]:
        """Reads one layer's rows outside a step of the model."""
        place = self.features.index(layer)
        nothing = tf.zeros([0], tf.int64)
        signs = [bags.signs if each is layer else nothing for each in self.features]
        found = ops.sparse_table_read(self.cluster.id, signs, self._widths)
        return found.rows[place], found.inverse[place]


def _examples(outputs: Tensor) -> Any:
    """Returns the number of examples in the outputs, a float32 scalar."""
    return tf.cast(tf.shape(tf.nest.flatten(outputs)[0])[0], tf.float32)
