"""The tower on every rank, the rows dealt over the ranks: hybrid parallelism.

A job of one rank, and a model without tables, has nothing to deal: they are what :class:`ReplicatedTrainer` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wideload.harness.cluster import Cluster
from wideload.harness.contract import StepResult
from wideload.harness.features.layout import Batch, BatchLayout, TableLayout
from wideload.harness.workload.workload import Workload
from wideload.strategies.replicated.exchange import Exchange
from wideload.strategies.replicated.horovod_collectives import HorovodCollectives
from wideload.strategies.replicated.hot_rows import WATCHED_STEPS, HotRows, Popularity, hot_layout
from wideload.strategies.replicated.kernels import Kernels
from wideload.strategies.replicated.options import RowOptions, ShardedOptions
from wideload.strategies.replicated.row_store import ReplicatedRows, RowStore
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
        options: ShardedOptions,
    ) -> None:
        self._all_to_all = collectives.all_to_all
        self._workload = workload
        self._options = options
        super().__init__(workload, layout, cluster, collectives, options)
        chooses = options.hot_rows and isinstance(self._rows, ShardedRows)
        self._popularity = Popularity(layout) if chooses else None
        self._watched = 0

    def _row_store(
        self,
        layout: BatchLayout,
        first_rows: Sequence[int],
        workload: Workload,
        options: RowOptions,
        kernels: Kernels,
    ) -> RowStore:
        self._unique = kernels.unique
        if self._cluster.ranks == 1 or not layout.tables:
            return super()._row_store(layout, first_rows, workload, options, kernels)
        tables = [self._variables(table, dealt(self._cluster)) for table in layout.tables]
        return ShardedRows(tables, self._all_to_all, kernels.unique, self._cluster)

    def _variables(self, layout: TableLayout, part: slice = slice(None)) -> TableVariables:
        return TableVariables(layout, self._workload.model, self._workload.seed, self._options.rows, part)

    def step(self, batch: Batch) -> StepResult:
        result = super().step(batch)
        if self._popularity is not None:
            self._popularity.watch(batch)
            self._watched += 1
            if self._watched == WATCHED_STEPS:
                self._copy_hot_rows(self._popularity)
                self._popularity = None
        return result

    def _copy_hot_rows(self, popularity: Popularity) -> None:
        """Gives every rank the hottest rows; the next step is traced with them. Collective."""
        assert isinstance(self._rows, ShardedRows)
        ids = popularity.hottest(self._options.hot_rows, self._cluster)
        layouts = [hot_layout(table, len(some)) for table, some in zip(self._layout.tables, ids, strict=True)]
        exchange = Exchange("dense", self._collectives, self._unique, layouts)
        copies = ReplicatedRows([self._variables(layout) for layout in layouts], exchange, self._unique)
        hot = HotRows(ids, copies, self._cluster)
        hot.fill(self._rows.arrays())
        self._rows.hot = hot
        self._make_graphs()
