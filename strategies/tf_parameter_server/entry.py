"""``tf_parameter_server`` as a strategy of the harness. Cheap to import: a trainer loads TensorFlow."""

from __future__ import annotations

from typing import ClassVar

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Availability, Strategy, Trainer, require
from wideload.harness.features.layout import BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload.strategies.replicated.options import SingleOptions


class TfParameterServerOptions(SingleOptions):
    """The same options for looking rows up as ``local``."""

    @property
    def synchronous(self) -> bool:
        """Never: ParameterServerStrategy has no synchronous mode."""
        return False


class TfParameterServer(Strategy):
    name: ClassVar[str] = "tf_parameter_server"
    summary: ClassVar[str] = "TensorFlow's ParameterServerStrategy over gRPC, asynchronous"
    keys: ClassVar[Keys] = "ids"
    Options: ClassVar[type[Options]] = TfParameterServerOptions
    sharded: ClassVar[bool] = True
    owns_process: ClassVar[bool] = True

    @classmethod
    def availability(cls) -> Availability:
        return require("tensorflow")

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        from wideload.strategies.tf_parameter_server.trainer import TfParameterServerTrainer

        assert isinstance(self.options, TfParameterServerOptions)
        return TfParameterServerTrainer(workload, layout, cluster, self.options)
