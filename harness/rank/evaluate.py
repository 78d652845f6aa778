"""Writes one rank's predictions on the held-out split into the job's state folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Trainer
from wideload.harness.features.feed import Feed, held_out_split
from wideload.harness.features.layout import Batch
from wideload.harness.features.unseen_values import SeenValues
from wideload.harness.job import predictions
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.messages import Job

EVALUATION_BATCH = 8192


def predict(job: Job, cluster: Cluster, heartbeat: Heartbeat, feed: Feed, trainer: Trainer, step: int) -> bool:
    """Writes this rank's predictions on the held-out split; False if there is no such split."""
    split = held_out_split(feed.dataset)
    if split is None:
        return False
    labels, predicted = [], []
    for batch in with_heartbeat(feed.held_out(split, EVALUATION_BATCH), heartbeat):
        labels.append(batch.label[: batch.examples])
        predicted.append(np.asarray(trainer.predict(batch), dtype=np.float32).reshape(-1)[: batch.examples])
    predictions.save_predictions(job.path, step, cluster.rank, labels, predicted)
    return True


def save_unseen_flags(job: Job, cluster: Cluster, heartbeat: Heartbeat, feed: Feed) -> None:
    """Writes which of this rank's held-out examples hold values that do not occur in training."""
    split = held_out_split(feed.dataset)
    if split is None:
        return
    seen = SeenValues(feed.adapter.layout)
    seen.observe(with_heartbeat(feed.training_examples(), heartbeat))
    seen.share(cluster)
    batches = with_heartbeat(feed.held_out(split, EVALUATION_BATCH), heartbeat)
    predictions.save_novelty(job.path, cluster.rank, [seen.new(batch)[: batch.examples] for batch in batches])


def with_heartbeat(batches: Iterator[Batch], heartbeat: Heartbeat) -> Iterator[Batch]:
    """The same batches, with a heartbeat for each."""
    for batch in batches:
        heartbeat.send("evaluate")
        yield batch
