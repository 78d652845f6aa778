"""The look-up of one table's slots by the project's own kernel. Importing this module loads TensorFlow."""

from __future__ import annotations

from wideload.harness.features.layout import TableLayout
from wideload.harness.model.embedding_bag import Bag
from wideload.harness.model.tensors import Tensor
from wideload.ops import embedding_bag


def native_bag(table: TableLayout) -> Bag:
    """The look-up of one table's slots by :func:`wideload.ops.embedding_bag`, as ``WideDeep`` takes it."""
    combiners = [slot.combiner for slot in table.slots]

    def bag(
        rows: Tensor, inverse: Tensor, row_splits: Tensor, weights: Tensor, appended: Tensor
    ) -> tuple[Tensor, Tensor]:
        return embedding_bag(rows, inverse, row_splits, weights, appended, wide=table.wide, combiners=combiners)

    return bag
