"""``sparse_ps``: a parameter server around a C++ sparse table, sharded over the MPI ranks.

::

    batch -> signs -> SparseTablePull ------> rows [U, width], inverse --> EmbeddingBag --> tower --> loss
                          |   ^ owners find or create rows                                            |
                          v   |                                                                       v
             one message per peer                    SparseTablePush <------ gradients of rows and dense parameters
                                                         | owners sum, apply the optimizers

Every rank is a worker and owns a shard of every table and a slice of the dense parameters. Three modes: ``sync``
(large-batch SGD; where cores are idle, the next batch is pulled while this one computes), ``bounded`` (no worker
runs more than ``staleness`` steps ahead of the slowest) and ``async``. See docs/explanation/parameter_server.md.

Scripts can also use it without the harness: ``PsCluster`` by itself, or with Keras ``PsStrategy``, ``category_column``,
``EmbeddingFeatures``, ``Optimizer`` and ``Model``. The names that need TensorFlow load it on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload.registry import loaded_on_use

if TYPE_CHECKING:
    from wideload._native import RowWiseAdaGrad as RowWiseAdaGrad
    from wideload.harness.workload.columns import Initializer as Initializer
    from wideload.harness.workload.optimizers import AdaGrad as AdaGrad
    from wideload.harness.workload.optimizers import Adam as Adam
    from wideload.harness.workload.optimizers import Ftrl as Ftrl
    from wideload.harness.workload.optimizers import Sgd as Sgd
    from wideload.strategies.sparse_ps.entry import SparsePs as SparsePs
    from wideload.strategies.sparse_ps.keras.category import CategoryColumn as CategoryColumn
    from wideload.strategies.sparse_ps.keras.category import category_column as category_column
    from wideload.strategies.sparse_ps.keras.features import EmbeddingFeatures as EmbeddingFeatures
    from wideload.strategies.sparse_ps.keras.model import Model as Model
    from wideload.strategies.sparse_ps.keras.optimizer import Optimizer as Optimizer
    from wideload.strategies.sparse_ps.keras.strategy import PsStrategy as PsStrategy
    from wideload.strategies.sparse_ps.options import SparsePsOptions as SparsePsOptions
    from wideload.strategies.sparse_ps.server import PsCluster as PsCluster

_LAZY = {
    "AdaGrad": "wideload.harness.workload.optimizers",
    "Adam": "wideload.harness.workload.optimizers",
    "CategoryColumn": "wideload.strategies.sparse_ps.keras.category",
    "EmbeddingFeatures": "wideload.strategies.sparse_ps.keras.features",
    "Ftrl": "wideload.harness.workload.optimizers",
    "Initializer": "wideload.harness.workload.columns",
    "Model": "wideload.strategies.sparse_ps.keras.model",
    "Optimizer": "wideload.strategies.sparse_ps.keras.optimizer",
    "PsCluster": "wideload.strategies.sparse_ps.server",
    "PsStrategy": "wideload.strategies.sparse_ps.keras.strategy",
    "RowWiseAdaGrad": "wideload._native",
    "Sgd": "wideload.harness.workload.optimizers",
    "SparsePs": "wideload.strategies.sparse_ps.entry",
    "SparsePsOptions": "wideload.strategies.sparse_ps.options",
    "category_column": "wideload.strategies.sparse_ps.keras.category",
}

__all__ = [*_LAZY]

__getattr__ = loaded_on_use(__name__, _LAZY)
