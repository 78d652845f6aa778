"""``sparse_ps``: a parameter server around a C++ sparse table, sharded over the MPI ranks.

::

    batch -> signs -> SparseTablePull ------> rows [U, width], inverse --> EmbeddingBag --> tower --> loss
                          |   ^ owners find or create rows                                            |
                          v   |                                                                       v
             one message per peer                    SparseTablePush <------ gradients of rows and dense parameters
                                                         | owners sum, apply the optimizers

Every rank is a worker and owns a shard of every table and a slice of the dense parameters. Three modes: ``sync``
(large-batch SGD; where cores are idle, the next batch's pull travels while this one computes), ``bounded`` (no worker
runs more than ``staleness`` steps ahead of the slowest) and ``async``. See docs/parameter_server.md.

Scripts use it without the harness, too: ``PsCluster`` by itself, or with Keras ``PsStrategy``, ``category_column``,
``EmbeddingFeatures``, ``Optimizer`` and ``Model``. These names load TensorFlow on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer
from wideload.harness.features.layout import BatchLayout
from wideload.harness.workload.workload import Workload
from wideload.options import Options

if TYPE_CHECKING:
    from wideload._native import RowWiseAdaGrad as RowWiseAdaGrad
    from wideload.harness.workload.columns import Initializer as Initializer
    from wideload.harness.workload.optimizers import AdaGrad as AdaGrad
    from wideload.harness.workload.optimizers import Adam as Adam
    from wideload.harness.workload.optimizers import Ftrl as Ftrl
    from wideload.harness.workload.optimizers import Sgd as Sgd
    from wideload.strategies.sparse_ps.keras.category import CategoryColumn as CategoryColumn
    from wideload.strategies.sparse_ps.keras.category import category_column as category_column
    from wideload.strategies.sparse_ps.keras.features import EmbeddingFeatures as EmbeddingFeatures
    from wideload.strategies.sparse_ps.keras.model import Model as Model
    from wideload.strategies.sparse_ps.keras.optimizer import Optimizer as Optimizer
    from wideload.strategies.sparse_ps.keras.strategy import PsStrategy as PsStrategy
    from wideload.strategies.sparse_ps.server import PsCluster as PsCluster

_LAZY = {
    "AdaGrad": "wideload.harness.workload.workload",
    "Adam": "wideload.harness.workload.workload",
    "CategoryColumn": "wideload.strategies.sparse_ps.keras.category",
    "EmbeddingFeatures": "wideload.strategies.sparse_ps.keras.features",
    "Ftrl": "wideload.harness.workload.workload",
    "Initializer": "wideload.harness.workload.columns",
    "Model": "wideload.strategies.sparse_ps.keras.model",
    "Optimizer": "wideload.strategies.sparse_ps.keras.optimizer",
    "PsCluster": "wideload.strategies.sparse_ps.server",
    "PsStrategy": "wideload.strategies.sparse_ps.keras.strategy",
    "RowWiseAdaGrad": "wideload._native",
    "Sgd": "wideload.harness.workload.workload",
    "category_column": "wideload.strategies.sparse_ps.keras.category",
}

__all__ = ["SparsePs", "SparsePsOptions", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class SparsePsOptions(Options):
    """Options of ``sparse_ps``.

    Attributes:
        mode: ``sync``, ``bounded`` or ``async``.
        staleness: ``bounded`` only: steps that the slowest worker may lag behind; 0 is ``sync``.
        prefetch: pull the next batch while this one computes; changes no bit. Synchronous modes only. None: where the
            machines have cores beside those that compute, since it is more work in all.
        wire: how rows and gradients travel between ranks: ``fp32``, ``fp16`` or ``bf16``; master rows stay float32.
        max_in_flight: asynchronous modes: unacknowledged pushes per owner before a push waits.
        timeout: seconds without an answer from a peer before the job fails.
        resend_after: asynchronous modes: seconds before an unacknowledged push is sent again; 0 for never.
        idle_poll: seconds between looks for messages while nobody waits for one.
    """

    mode: Literal["sync", "bounded", "async"] = "sync"
    staleness: int = Field(1, ge=0)
    prefetch: bool | None = None
    wire: Literal["fp32", "fp16", "bf16"] = "fp32"
    max_in_flight: int = Field(4, ge=1)
    timeout: float = Field(60.0, gt=0)
    resend_after: float = Field(5.0, ge=0)
    idle_poll: float = Field(200e-6, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> SparsePsOptions:
        if "staleness" in self.model_fields_set and self.mode != "bounded":
            raise ValueError(f"staleness is an option of mode=bounded; given with mode={self.mode}")
        return self

    @property
    def synchronous(self) -> bool:
        """Whether a step is large-batch SGD: bounded staleness of 0 steps is."""
        return self.mode == "sync" or (self.mode == "bounded" and self.staleness == 0)


class SparsePs(Strategy):
    name = "sparse_ps"
    summary = "parameter server: C++ sparse table sharded over the ranks, custom TensorFlow ops, MPI"
    keys = "signs"
    Options = SparsePsOptions

    @classmethod
    def availability(cls) -> Availability:
        for module, fix in (
            ("tensorflow", "install tensorflow==2.18.1"),
            ("mpi4py", "install mpi4py and an MPI (pip install mpich mpi4py)"),
            ("wideload._native", "build the native part: pip install --no-build-isolation -e ."),
        ):
            if importlib.util.find_spec(module) is None:
                return Availability(False, f"{module} is missing: {fix}")
        return Availability(True)

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.sparse_ps.trainer import SparsePsTrainer

        assert isinstance(self.options, SparsePsOptions)
        return SparsePsTrainer(workload, layout, cluster, self.options)
