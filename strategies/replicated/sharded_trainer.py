"""The tower on every rank, the rows dealt over the ranks: hybrid parallelism.

A job of one rank, and a model without tables, has nothing to deal: they are what :class:`ReplicatedTrainer` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import BatchLayout, TableLayout
from wideload.harness.workload.workload import Workload
from wideload.strategies.replicated.horovod_collectives import HorovodCollectives
from wideload.strategies.replicated.kernels import Kernels
from wideload.strategies.replicated.options import RowOptions
from wideload.strategies.replicated.row_store import RowStore
from wideload.strategies.replicated.sharded_rows import ShardedRows, dealt
from wideload.strategies.replicated.table_variables import TableVariables
from wideload.strategies.replicated.trainer import ReplicatedTrainer


class ShardedTrainer(ReplicatedTrainer):
    """See :class:`wideload.strategies.replicated.sharded_rows.ShardedRows`."""

    def __init__(
        self,
        workload: Workload,
        layout: BatchLayout,
        cluster: Cluster,
        collectives: HorovodCollectives,
        options: RowOptions,
    ) -> None:
        self._all_to_all = collectives.all_to_all
        super().__init__(workload, layout, cluster, collectives, options)

    def _row_store(
        self,
        layout: BatchLayout,
        first_rows: Sequence[int],
        workload: Workload,
        options: RowOptions,
        kernels: Kernels,
    ) -> RowStore:
        rank, ranks = self._cluster.rank, self._cluster.ranks
        if ranks == 1 or not layout.tables:
            return super()._row_store(layout, first_rows, workload, options, kernels)
        part = dealt(rank, ranks)

        def table(one: TableLayout) -> TableVariables:
            return TableVariables(one, workload.model, workload.seed, options.rows, part)

        return ShardedRows([table(one) for one in layout.tables], self._all_to_all, kernels.unique, rank, ranks)
