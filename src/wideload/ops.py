"""The TensorFlow ops, with their gradients. Importing this module imports TensorFlow and loads the op library, which is
built before where there is none for this TensorFlow (:mod:`wideload.ops_library`).

==================== ======================================================================================
``embedding_bag``    look-up over a batch's working set: linear part and embeddings of all slots of a table
``unique_signs``     distinct values of a batch in order of first appearance, with inverse and counts
``sparse_table_pull`` find or create the rows of a batch, on the ranks that own them
``sparse_table_read`` look rows up; never creates one
``sparse_table_push`` send gradients; the owners apply the optimizers
``sum_over_ranks``   a vector summed over the ranks, in the middle of a step; its gradient is one too
``mpi_allreduce``    a vector summed over the ranks by MPI
``mpi_allgather``    the tensors of all ranks, concatenated by MPI
``mpi_sparse_allreduce`` rows of equal ids summed over the ranks by recursive doubling over MPI
==================== ======================================================================================

All of them run inside any ``tf.function``, return tensors, write into no variable and report errors as TensorFlow
errors (``InvalidArgumentError`` for shapes, ``AbortedError`` when the cluster has failed). The kernels are for the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

import wideload._native  # noqa: F401 - loads the core library that the ops share
from wideload import ops_library

_ops = tf.load_op_library(str(ops_library.obtain(ops_library.tensorflow_version() or tf.__version__)))


class Pulled(NamedTuple):
    """The working set of one batch.

    Attributes:
        rows: per table, float32 ``[U, width]``: the distinct rows of the batch.
        inverse: per table, int32 ``[n]``: which row each sign is.
        dense: float32 ``[P]``, the dense parameters.
    """

    rows: list[tf.Tensor]
    inverse: list[tf.Tensor]
    dense: tf.Tensor


def embedding_bag(
    rows: tf.Tensor,
    inverse: tf.Tensor,
    row_splits: tf.Tensor,
    weights: tf.Tensor,
    numeric: tf.Tensor,
    *,
    wide: int,
    combiners: Sequence[str],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Looks up all bags of one table.

    Args:
        rows: float32 ``[U, wide + dim]``.
        inverse: int32 ``[nnz]``, row of each value.
        row_splits: int32 ``[S * B + 1]``, slot-major bags; may start above 0.
        weights: float32 ``[nnz]``, or ``[0]`` when all weigh 1.
        numeric: float32 ``[B, D]``, copied to the right of the embeddings; ``D`` may be 0.
        wide: leading floats of a row that are linear weights, 0 or 1.
        combiners: one per slot: ``sum``, ``mean`` or ``sqrtn``.

    Returns:
        ``linear`` float32 ``[B]``: weighted sum of the linear weights of all values of an example (zeros without any);
        ``deep`` float32 ``[B, S * dim + D]``: the combined embedding of each slot, then ``numeric``.
    """
    linear, deep = _ops.embedding_bag(rows, inverse, row_splits, weights, numeric, wide=wide, combiners=list(combiners))
    return linear, deep


@tf.RegisterGradient("EmbeddingBag")  # type: ignore[untyped-decorator, unused-ignore]
def _embedding_bag_gradient(op: Any, linear: tf.Tensor, deep: tf.Tensor) -> list[tf.Tensor | None]:
    rows = _ops.embedding_bag_grad(
        linear_gradient=linear,
        deep_gradient=deep,
        rows=op.inputs[0],
        inverse=op.inputs[1],
        row_splits=op.inputs[2],
        weights=op.inputs[3],
        wide=op.get_attr("wide"),
        combiners=op.get_attr("combiners"),
    )
    return [rows, None, None, None, None]


def sign_hash(values: tf.Tensor, salt: int) -> tf.Tensor:
    """Keys of the sparse table: one sign per int64 value, same shape.

    Args:
        values: int64.
        salt: of the slot, in ``[0, 2^64)``: :func:`wideload.hashing.salt_of` its name.
    """
    return _ops.sign_hash(values=values, salt=salt - 2**64 if salt >= 2**63 else salt)


@tf.RegisterGradient("SumOverRanks")  # type: ignore[untyped-decorator, unused-ignore]
def _sum_over_ranks_gradient(op: Any, gradient: tf.Tensor) -> tf.Tensor:
    return _ops.sum_over_ranks(values=gradient, cluster=op.get_attr("cluster"))


def unique_signs(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Distinct values of int64 ``[n]``: ``unique [U]`` int64, ``inverse [n]`` int32, ``counts [U]`` int32."""
    unique, inverse, counts = _ops.unique_signs(values=values)
    return unique, inverse, counts


def sparse_table_pull(cluster: int, step: tf.Tensor, signs: Sequence[tf.Tensor], widths: Sequence[int]) -> Pulled:
    """Finds or creates the rows of a batch. Every rank calls it once per step, then pushes once.

    Args:
        cluster: ``PsCluster.id``.
        step: int64 scalar, equal on all ranks, one more at each step.
        signs: per table, int64 ``[n]``, duplicates allowed; ``n`` may be 0.
        widths: floats of a row, per table.
    """
    rows, inverse, dense = _ops.sparse_table_pull(step=step, signs=list(signs), cluster=cluster, widths=list(widths))
    return Pulled(rows, inverse, dense)


def sparse_table_read(cluster: int, signs: Sequence[tf.Tensor], widths: Sequence[int]) -> Pulled:
    """As :func:`sparse_table_pull` without a step: an absent row reads as it would be created, and is not."""
    rows, inverse, dense = _ops.sparse_table_read(signs=list(signs), cluster=cluster, widths=list(widths))
    return Pulled(rows, inverse, dense)


def sparse_table_push(cluster: int, step: tf.Tensor, gradients: Sequence[tf.Tensor], dense: tf.Tensor) -> tf.Operation:
    """Sends the gradients of the rows that were pulled for ``step``, and of the dense parameters.

    Args:
        cluster: ``PsCluster.id``.
        step: that of the pull.
        gradients: per table, float32 of the pulled rows' shape; added over the ranks.
        dense: float32 ``[P]``; added over the ranks.
    """
    return _ops.sparse_table_push(step=step, gradients=list(gradients), dense_gradient=dense, cluster=cluster)


def sum_over_ranks(cluster: int, values: tf.Tensor) -> tf.Tensor:
    """Adds float32 vectors over the ranks, in rank order: every rank gets the same bits.

    Ranks must call it in the same order. The gradient is the sum of the ranks' gradients.
    """
    return _ops.sum_over_ranks(values=values, cluster=cluster)


def mpi_allreduce(collectives: int, values: tf.Tensor) -> tf.Tensor:
    """Adds float32 tensors of one shape over the ranks; every rank gets the same bits. Not differentiable.

    Args:
        collectives: ``wideload._native.Collectives.id``. All ranks must run the collectives of one such object in the
            same order: give those of a graph control dependencies.
        values: the same shape on all ranks.
    """
    return _ops.mpi_allreduce(values=values, collectives=collectives)


def mpi_allgather(collectives: int, values: tf.Tensor) -> tf.Tensor:
    """Concatenates the tensors of all ranks along axis 0, in rank order. As :func:`mpi_allreduce`.

    Args:
        collectives: ``wideload._native.Collectives.id``.
        values: float32 or int64 ``[n, ...]``; ``n`` may differ between ranks and be 0.
    """
    return _ops.mpi_allgather(values=values, collectives=collectives)


class Merged(NamedTuple):
    """What :func:`mpi_sparse_allreduce` gives.

    Attributes:
        tables: per table ``(ids, sums)``: the distinct ids of all ranks, in an order that may differ between ranks, and
            float32 ``[distinct, width]``.
        sent: int64 scalar, bytes that this rank sent to others.
        received: int64 scalar, bytes that it received.
    """

    tables: list[tuple[tf.Tensor, tf.Tensor]]
    sent: tf.Tensor
    received: tf.Tensor


def mpi_sparse_allreduce(collectives: int, tables: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> Merged:
    """Adds rows of equal ids over the ranks. As :func:`mpi_allreduce`.

    Args:
        collectives: ``wideload._native.Collectives.id``.
        tables: per table ``(ids, rows)``, int64 ``[n]`` without duplicates and float32 ``[n, width]``.
    """
    ids, rows = [ids for ids, _ in tables], [rows for _, rows in tables]
    found = _ops.mpi_sparse_allreduce(ids=ids, rows=rows, collectives=collectives)
    return Merged(list(zip(found.all_ids, found.sums, strict=True)), found.sent, found.received)
