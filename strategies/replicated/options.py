"""Options that all replicated strategies share. Each selects one of several ways, so that all can be measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wideload.options import Options

Way = Literal["fused", "table", "dense", "merge"]
"""How row gradients get to all ranks; see :mod:`wideload.strategies.replicated.exchange`."""


class RowOptions(Options):
    """Options of rows in variables, wherever they are.

    Attributes:
        kernels: ``native`` look-ups or only TensorFlow's; ``auto`` uses the native ones where they were built.
        rows: linear weight and embedding in one variable (``joint``) or in two (``split``); ``auto`` joins them if
            their optimizers are equal.
    """

    kernels: Literal["auto", "native", "tensorflow"] = "auto"
    rows: Literal["auto", "split", "joint"] = "auto"


class SingleOptions(RowOptions):
    """Options of one process.

    Attributes:
        lookup: all slots of a table at once (``table``), or each column separately, as TensorFlow's feature columns do
            (``column``).
    """

    lookup: Literal["table", "column"] = "table"

    @property
    def way(self) -> Way:
        """The way of exchanging row gradients; strategies that offer several have an option ``exchange``."""
        return "fused"


class ShardedOptions(RowOptions):
    """Options of rows that are dealt over the ranks.

    Attributes:
        hot_rows: of each table, how many of the rows that most batches need every rank holds a copy of; they are chosen
            after the first steps. 0: none.
    """

    hot_rows: int = Field(default=0, ge=0)


class ReplicatedOptions(SingleOptions):
    """Options of several ranks.

    Attributes:
        exchange: how row gradients travel: those of all tables in two gathers (``fused``), those of each table in
            two (``table``), or as sums over whole tables (``dense``, whose cost grows with the vocabulary).
    """

    exchange: Literal["fused", "table", "dense"] = "fused"

    @property
    def way(self) -> Way:
        return self.exchange
