"""The tower: a feed-forward network over embeddings and dense columns, as functions of one flat vector of parameters.

::

    flat [P]        = hidden_0/kernel, /bias, (/scale, /offset,) hidden_1/..., logits/kernel, logits/bias
    statistics [Q]  = hidden_0/mean, hidden_0/variance, hidden_1/...      with batch normalisation; else Q = 0
    layer           = dense -> batch normalisation -> activation -> dropout

One vector means one gradient buffer: one message a step and one optimizer update, whatever the number of layers.
Everything is a function of the global batch, not of how it is divided among the ranks: batch normalisation sums its
moments over the ranks (:attr:`Pass.across`), and dropout draws for the example's place in the global batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from wideload.harness.model.tensors import Tensor
from wideload.harness.model.tower_parameters import TowerParameters
from wideload.hashing import salt_of

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": tf.nn.relu,
    "elu": tf.nn.elu,
    "gelu": tf.nn.gelu,
    "tanh": tf.nn.tanh,
}


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What a training pass needs to know in addition to its inputs.

    Attributes:
        seed: the workload's, for dropout.
        step: int64 scalar, the number of this step.
        first_example: int64 scalar, place of this rank's first example in the global batch.
        across: differentiable sum of a float vector over all ranks; None: this rank has all the examples. It is called
            twice per layer (once in the gradient), in the same order on every rank, and only with batch normalisation.
    """

    seed: int
    step: Tensor
    first_example: Tensor
    across: Callable[[Tensor], Tensor] | None = None


class DenseTower(TowerParameters):
    """The tower of a workload."""

    def predict(self, flat: Tensor, statistics: Tensor, inputs: Tensor) -> Tensor:
        """Logits ``[B]`` of the tower, computed with the running statistics and without dropout.

        Args:
            flat: float32 ``[P]``.
            statistics: float32 ``[Q]``.
            inputs: float32 ``[B, layout.deep_width + layout.dense_width]``: embeddings in slot order, then dense
                columns, then any number of columns of zeros.
        """
        moments = iter(tf.split(statistics, self._statistics) if self._statistics else ())

        def normalise(hidden: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
            return _normalised(hidden, next(moments), next(moments), scale, offset, self._model.batch_norm_epsilon)

        return self._logits(flat, inputs, normalise, lambda hidden, _: hidden)

    def train(self, flat: Tensor, inputs: Tensor, run: Pass, examples: Tensor = None) -> tuple[Tensor, Tensor]:
        """Logits ``[B]``, normalised by the moments of the global batch and with dropout; and these moments ``[Q]``.

        Args:
            flat, inputs: as for :meth:`predict`.
            run: which step this is.
            examples: int64 scalar: the moments are taken over the first so many of the B rows; None: over all.
        """
        moments: list[Tensor] = []

        def normalise(hidden: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
            mean, variance = _moments(hidden[slice(examples)], run.across)
            moments.extend((mean, variance))
            return _normalised(hidden, mean, variance, scale, offset, self._model.batch_norm_epsilon)

        def drop(hidden: Tensor, layer: int) -> Tensor:
            return _dropped(hidden, self._model.dropout, layer, run) if self._model.dropout else hidden

        logits = self._logits(flat, inputs, normalise, drop)
        return logits, tf.concat(moments, 0) if moments else tf.zeros([0])

    def blend(self, statistics: Tensor, moments: Tensor) -> Tensor:
        """Running statistics ``[Q]`` after one more batch with these ``moments [Q]``."""
        return statistics + (moments - statistics) * (1.0 - self._model.batch_norm_momentum)

    def penalty(self, flat: Tensor) -> Tensor:
        """``l1 * sum |w| + l2 / 2 * sum w^2`` over all kernels; a float32 scalar."""
        model = self._model
        if not (model.dense_l1 or model.dense_l2):
            return tf.zeros([])
        kernels = [tensors[0] for tensors in self._tensors(flat)]
        absolute = tf.add_n([tf.reduce_sum(tf.abs(kernel)) for kernel in kernels])
        squared = tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
        return model.dense_l1 * absolute + model.dense_l2 * squared

    def _tensors(self, flat: Tensor) -> list[list[Tensor]]:
        """The parameters of each layer, in their shapes: kernel, bias, and where there are any scale and offset."""
        parts = iter(tf.split(flat, self._sizes))
        return [[tf.reshape(next(parts), shape) for shape in layer.shapes] for layer in self._layers]

    def _logits(
        self,
        flat: Tensor,
        hidden: Tensor,
        normalise: Callable[[Tensor, Tensor, Tensor], Tensor],
        drop: Callable[[Tensor, int], Tensor],
    ) -> Tensor:
        activate = _ACTIVATIONS[self._model.activation]
        *below, (last, bias) = _widened(self._tensors(flat), hidden.shape[1])
        for index, (kernel, offset, *scaling) in enumerate(below):
            if scaling:  # The mean cancels the bias: its gradient would be rounding errors, which Adam amplifies.
                offset = tf.stop_gradient(offset)
            hidden = tf.nn.bias_add(tf.matmul(hidden, kernel), offset)
            if scaling:
                hidden = normalise(hidden, *scaling)
            hidden = drop(activate(hidden), index)
        return tf.squeeze(tf.nn.bias_add(tf.matmul(hidden, last), bias), axis=1)


def _widened(layers: list[list[Tensor]], width: int) -> list[list[Tensor]]:
    """The layers with rows of zeros appended to the first kernel, for inputs that end in columns of zeros."""
    first = layers[0][0]
    layers[0][0] = tf.pad(first, [[0, width - first.shape[0]], [0, 0]]) if width > first.shape[0] else first
    return layers


def _moments(hidden: Tensor, across: Callable[[Tensor], Tensor] | None) -> tuple[Tensor, Tensor]:
    """Mean and variance ``[units]`` of ``hidden [B, units]`` over the global batch.

    The ranks exchange one sum: of count, values and squares.
    """
    sums = tf.concat(
        [
            tf.reshape(tf.cast(tf.shape(hidden)[0], tf.float32), [1]),
            tf.reduce_sum(hidden, axis=0),
            tf.reduce_sum(hidden * hidden, axis=0),
        ],
        axis=0,
    )
    if across is not None:
        sums = across(sums)
    count = tf.maximum(sums[0], 1.0)
    first, second = tf.split(sums[1:] / count, 2)
    return first, tf.maximum(second - first * first, 0.0)


def _normalised(
    hidden: Tensor, mean: Tensor, variance: Tensor, scale: Tensor, offset: Tensor, epsilon: float
) -> Tensor:
    factor = tf.math.rsqrt(variance + epsilon) * scale
    return hidden * factor + (offset - mean * factor)


def _dropped(hidden: Tensor, rate: float, layer: int, run: Pass) -> Tensor:
    """Inverted dropout. Philox's counter is the example's place in the global batch, so it is the same on any rank."""
    units = hidden.shape[1]
    blocks = -(-units // 4)
    counter = tf.bitcast(tf.stack([run.first_example * blocks, run.step]), tf.uint64)
    key = tf.constant([run.seed ^ (salt_of(f"dropout_{layer}") >> 1)], tf.uint64)
    shape = tf.stack([tf.shape(hidden)[0], blocks * 4])
    drawn = tf.raw_ops.StatelessRandomUniformV2(shape=shape, key=key, counter=counter, alg=1)[:, :units]
    return tf.where(drawn >= rate, hidden / (1.0 - rate), 0.0)
