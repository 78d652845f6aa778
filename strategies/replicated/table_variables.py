"""The variables of one table: all of its rows, or those that one rank or server holds.

``split``  one variable for the linear weights and one for the embeddings, each with its own optimizer
``joint``  both in one row, with one look-up and one update; only if the optimizers are equal
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from wideload.errors import ColumnError, UsageError
from wideload.harness.checkpoints.variables import Arrays
from wideload.harness.features.layout import TableLayout, table_signs
from wideload.harness.model.initial_rows import initial_deep
from wideload.harness.model.tensors import Tensor
from wideload.harness.workload.model import Model
from wideload.strategies.replicated.optimizers import Optimizer, make_optimizer

Rows = Literal["auto", "split", "joint"]


class TableVariables:
    """One table.

    Args:
        layout: the table's layout.
        model: declares the optimizers.
        seed: determines the rows' initial values.
        rows: see the module; ``auto`` joins rows where possible.
        part: the rows of the table that these variables hold, renumbered from 0.

    Attributes:
        rows: how many these are.

    Raises:
        ColumnError: the table is unbounded, or its rows are admitted only after several shows.
        UsageError: rows cannot be joined, because the optimizers differ.
    """

    def __init__(
        self, layout: TableLayout, model: Model, seed: int, rows: Rows = "auto", part: slice = slice(None)
    ) -> None:
        _require_replicable(layout)
        self.layout = layout
        self.parts: dict[str, Optimizer] = {}
        widths = variable_widths(layout, model, rows)
        self._widths = list(widths.values())
        signs = table_signs(layout, part)
        self.rows = len(signs)
        wide = tf.zeros([self.rows, layout.wide])
        if "joint" in widths:
            self._add("joint", tf.concat([wide, initial_deep(layout, signs, seed)], axis=1), model.deep_optimizer)
            return
        if "wide" in widths:
            self._add("wide", wide, model.wide_optimizer)
        if "deep" in widths:
            self._add("deep", initial_deep(layout, signs, seed), model.deep_optimizer)

    def _add(self, name: str, initial: Tensor, optimizer: Any) -> None:
        self.parts[name] = make_optimizer(optimizer, tf.Variable(initial))

    def gather(self, ids: Tensor) -> Any:
        """Rows ``[n, width]`` of ids ``[n]``."""
        parts = [
            tf.raw_ops.ResourceGather(resource=part.weights.handle, indices=ids, dtype=tf.float32)
            for part in self.parts.values()
        ]
        rows = parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
        return tf.ensure_shape(rows, [None, self.layout.width])

    def apply(self, ids: Tensor, gradients: Tensor, scale: Tensor = 1.0) -> Any:
        """Updates distinct rows by gradients ``[n, width]``; ``scale`` is a factor on the learning rates."""
        own = [gradients] if len(self._widths) == 1 else tf.split(gradients, self._widths, axis=1)
        parts = zip(self.parts.values(), own, strict=True)
        return tf.group(*(part.apply_rows(ids, one, scale) for part, one in parts))

    def arrays(self) -> Arrays:
        """Weights and optimizer state ``[rows, n]`` under the names of split rows: ``wide``, ``deep:accumulator``..."""
        found: Arrays = {}
        for name, part in self.parts.items():
            for key, variable in _named(name, part).items():
                found |= self._parted(key, variable.numpy()) if name == "joint" else {key: variable.numpy()}
        return found

    def assign(self, arrays: Arrays) -> None:
        """Assigns what :meth:`arrays` returned, whether its rows were split or joined."""
        for name, part in self.parts.items():
            for key, variable in _named(name, part).items():
                halves = [arrays[half] for half in _halves(key)] if name == "joint" else [arrays[key]]
                variable.assign(np.concatenate(halves, axis=1)[:, : variable.shape[1]])

    def _parted(self, key: str, joined: Any) -> Arrays:
        """Splits a joined array into its two parts; a single count of updates is used for both."""
        wide, deep = _halves(key)
        if joined.shape[1] == 1:
            return {wide: joined, deep: joined}
        return {wide: joined[:, : self.layout.wide], deep: joined[:, self.layout.wide :]}


def _named(name: str, part: Optimizer) -> dict[str, Any]:
    return {name: part.weights} | {f"{name}:{slot}": variable for slot, variable in part.state.items()}


def _halves(key: str) -> tuple[str, str]:
    return key.replace("joint", "wide", 1), key.replace("joint", "deep", 1)


def variable_widths(layout: TableLayout, model: Model, rows: Rows) -> dict[str, int]:
    """Returns the number of floats per row in each variable of a table, by the variable's name.

    Raises:
        UsageError: rows cannot be joined, because the optimizers differ.
    """
    if layout.wide and layout.dim and _joins(model, rows):
        return {"joint": layout.width}
    return {name: width for name, width in (("wide", layout.wide), ("deep", layout.dim)) if width}


def _joins(model: Model, rows: Rows) -> bool:
    equal = model.wide_optimizer == model.deep_optimizer
    if rows == "joint" and not equal:
        raise UsageError(
            "rows=joint needs equal wide and deep optimizers, given "
            f"{model.wide_optimizer.kind} and {model.deep_optimizer.kind} (or other parameters); use rows=auto."
        )
    return equal and rows != "split"


def _require_replicable(layout: TableLayout) -> None:
    names = ", ".join(slot.name for slot in layout.slots)
    if layout.rows is None:
        raise ColumnError(f"columns {names} are unbounded, which only strategy sparse_ps offers; give them `buckets`.")
    if layout.admit_at:
        raise ColumnError(f"columns {names} wait for admission (admit_at), which only strategy sparse_ps offers.")
