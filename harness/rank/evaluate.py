"""Writes one rank's predictions on the held-out split into the job's state folder."""

from __future__ import annotations

import numpy as np

from wideload.harness.features.feed import EVALUATION_BATCH, held_out_split
from wideload.harness.features.unseen_values import SeenValues
from wideload.harness.job import predictions
from wideload.harness.rank.session import Session


def predict(session: Session, step: int) -> bool:
    """Writes this rank's predictions on the held-out split; False if there is no such split."""
    split = held_out_split(session.feed.dataset)
    if split is None:
        return False
    labels, predicted = [], []
    for batch in session.with_heartbeat(session.feed.held_out(split, EVALUATION_BATCH)):
        labels.append(batch.label[: batch.examples])
        found = np.asarray(session.trainer.predict(batch), dtype=np.float32)
        predicted.append(found.reshape(-1)[: batch.examples])
    predictions.save_predictions(session.job.path, step, session.cluster.rank, labels, predicted)
    return True


def save_unseen_flags(session: Session) -> None:
    """Writes which of this rank's held-out examples hold values that do not occur in training."""
    feed = session.feed
    split = held_out_split(feed.dataset)
    if split is None:
        return
    seen = SeenValues(feed.adapter.layout)
    seen.observe(session.with_heartbeat(feed.training_examples()))
    seen.share(session.cluster)
    batches = session.with_heartbeat(feed.held_out(split, EVALUATION_BATCH))
    flags = [seen.new(batch)[: batch.examples] for batch in batches]
    predictions.save_novelty(session.job.path, session.cluster.rank, flags)
