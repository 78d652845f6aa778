"""Options that all replicated strategies have in common: ways of doing the same, so that each can be measured."""

from __future__ import annotations

from typing import Literal

from wideload.options import Options


class SingleOptions(Options):
    """Options of one process.

    Attributes:
        kernels: ``native`` look-ups or TensorFlow's alone; ``auto`` takes the native ones where they were built.
        rows: linear weight and embedding in one variable (``joint``) or in two (``split``); ``auto`` joins them where
            their optimizers are equal.
        lookup: all slots of a table at once (``table``), or every column on its own, as stock feature columns do
            (``column``).
    """

    kernels: Literal["auto", "native", "tensorflow"] = "auto"
    rows: Literal["auto", "split", "joint"] = "auto"
    lookup: Literal["table", "column"] = "table"


class ReplicatedOptions(SingleOptions):
    """Options of several ranks.

    Attributes:
        exchange: row gradients of all tables in two gathers (``fused``), of each table in two (``table``), or as sums
            over whole tables (``dense``, whose cost grows with the vocabulary).
    """

    exchange: Literal["fused", "table", "dense"] = "fused"
