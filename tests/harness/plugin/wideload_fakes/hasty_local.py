"""``local`` with every learning rate doubled: trains as fast, and converges otherwise."""

from __future__ import annotations

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer
from wideload.harness.features.layout import BatchLayout
from wideload.harness.workload.workload import Workload
from wideload.strategies.local import Local


class HastyLocal(Local):
    name = "hasty_local"
    summary = "local, with every learning rate doubled"

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        model = workload.model
        names = ("wide_optimizer", "deep_optimizer", "dense_optimizer")
        doubled = {name: getattr(model, name) for name in names}
        doubled = {name: each.changed(learning_rate=2 * each.learning_rate) for name, each in doubled.items()}
        return super().build(workload.changed(model=model.changed(**doubled)), layout, cluster)
