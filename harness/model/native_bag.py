"""The look-up of one table's slots by the project's own kernel. Importing this module loads TensorFlow."""

from __future__ import annotations

from typing import Any

from wideload.harness.features.layout import TableLayout
from wideload.harness.model.embedding_bag import Bag
from wideload.ops import embedding_bag


def native_bag(table: TableLayout) -> Bag:
    """The look-up of one table's slots by :func:`wideload.ops.embedding_bag`, as ``WideDeep`` takes it."""
    combiners = [slot.combiner for slot in table.slots]

    def bag(rows: Any, inverse: Any, row_splits: Any, weights: Any, beside: Any) -> tuple[Any, Any]:
        return embedding_bag(rows, inverse, row_splits, weights, beside, wide=table.wide, combiners=combiners)

    return bag
