"""How exporting fewer bits and fewer rows changes predictions, measured on held-out examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wideload import datasets
from wideload.errors import UsageError
from wideload.harness.analysis.metrics import Metrics, measure
from wideload.harness.checkpoints.tables.quantise import Precision
from wideload.harness.checkpoints.trained import Trained
from wideload.harness.cluster import Cluster
from wideload.harness.features.feed import EVALUATION_BATCH, Feed, held_out_split
from wideload.harness.serving.lookup import Absent
from wideload.harness.serving.modules import SelfContained
from wideload.harness.serving.vocabularies import require_same
from wideload.harness.serving.weights import Weights


@dataclass(frozen=True, slots=True)
class Quality:
    """Metrics of the exact model and of the exported one, on the same examples."""

    dataset: str
    examples: int
    exact: Metrics
    exported: Metrics

    def __str__(self) -> str:
        before, after = self.exact, self.exported
        change = "none" if before.auc is None or after.auc is None else f"{after.auc - before.auc:+.6f}"
        return (
            f"{self.dataset}, {self.examples:,} held-out examples: AUC {_number(before.auc)} exact, "
            f"{_number(after.auc)} exported, change {change}; log loss {before.logloss:.6f} exact, "
            f"{after.logloss:.6f} exported"
        )


def quality(
    trained: Trained, weights: Weights, precision: Precision, threshold: float, dataset: str | None = None
) -> Quality:
    """Predicts with the exact and with the exported model, and measures both.

    Args:
        trained: what the checkpoint was trained on.
        weights: of the checkpoint, exact.
        precision: of the export; threshold: below which rows are left out.
        dataset: ``name[option=value]``, with the same schema; None: the data set of the training.

    Raises:
        UsageError: the data set has no held-out split, or other vocabularies.
        ColumnError: it lacks a field.
    """
    name = dataset or trained.workload.dataset
    data = datasets.load(name)
    split = held_out_split(data)
    if split is None:
        raise UsageError(f"data set {name!r} has no held-out examples; name another one.")
    require_same(trained.adapter, trained.dataset.schema(), data.schema(), (trained.workload.dataset, name))
    layout = trained.adapter.layout
    exact = SelfContained(weights, trained.workload, layout, "initial")
    small = SelfContained(weights.above(threshold), trained.workload, layout, absent_of(threshold), precision)
    feed = Feed(trained.workload, data, trained.adapter, Cluster(0, 1, None))
    labels, before, after = [], [], []
    for batch in feed.held_out(split, EVALUATION_BATCH):
        labels.append(batch.label)
        before.append(exact.predict(batch))
        after.append(small.predict(batch))
    truth = np.concatenate(labels)
    return Quality(name, len(truth), measure(truth, np.concatenate(before)), measure(truth, np.concatenate(after)))


def absent_of(threshold: float) -> Absent:
    """What is used for a sign without a row: one that was never trained or, below a threshold, has small weights."""
    return "zeros" if threshold > 0 else "initial"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6f}"
