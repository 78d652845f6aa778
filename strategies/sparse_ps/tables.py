"""Native tables, slices and optimizers, created from a workload's declaration."""

from __future__ import annotations

from typing import Any

from wideload import _native
from wideload.harness import workload as declared
from wideload.harness.features.layout import TableLayout
from wideload.harness.features.pretrained import joined
from wideload.harness.model import initial_rows
from wideload.harness.workload.workload import Workload

_OPTIMIZERS: dict[str, Any] = {
    "ftrl": _native.Ftrl,
    "adagrad": _native.AdaGrad,
    "adam": _native.Adam,
    "sgd": _native.Sgd,
}
_CONSTANTS = ("learning_rate", "initial_accumulator", "epsilon", "l1", "l2", "beta_1", "beta_2", "momentum")


def make_table(layout: TableLayout, workload: Workload) -> _native.SparseTable:
    """Creates this rank's shard of one table, empty.

    There is one row per sign. It holds the linear weight, which starts at zero, and the embedding, each with its own
    optimizer.
    """
    slices = []
    if layout.wide:
        rule = make_optimizer(workload.model.wide_optimizer)
        zeros = _native.Initializer("zeros")
        slices.append(_native.Slice(initial_rows.WIDE, layout.wide, optimizer=rule, initializer=zeros))
    if layout.dim:
        start, pretrained = layout.initializer, joined(layout)
        assert start is not None, "a table with embeddings declares an initializer"
        slices.append(
            _native.Slice(
                initial_rows.DEEP,
                layout.dim,
                optimizer=make_optimizer(workload.model.deep_optimizer),
                initializer=_native.Initializer(start.kind, start.scale),
                admit_at=layout.admit_at,
                **({} if pretrained is None else {"pretrained": (pretrained.signs, pretrained.rows)}),
            )
        )
    return _native.SparseTable(layout.name, slices, seed=workload.seed)


def make_optimizer(optimizer: declared.Optimizer | _native.Optimizer) -> _native.Optimizer:
    """Returns the native optimizer with the same constants; a native one is returned as it is."""
    if isinstance(optimizer, _native.Optimizer):
        return optimizer
    made: _native.Optimizer = _OPTIMIZERS[optimizer.kind](**optimizer.model_dump(exclude={"kind"}))
    return made


def describe(table: Any) -> str:
    """Describes, as text, everything that two shards of one table must have in common."""
    parts = [f"seed {table.seed}"]
    for slice_ in table.slices:
        rule, start = slice_.optimizer, slice_.initializer
        constants = ", ".join(f"{name} {getattr(rule, name):g}" for name in _CONSTANTS)
        parts.append(
            f"{slice_.name} of {slice_.dimension} ({rule.kind}: {constants}; from {start.kind} {start.scale:g}; "
            f"admitted at {slice_.admit_at:g})"
        )
    return "; ".join(parts)
