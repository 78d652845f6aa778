"""Writes one rank's predictions on the held-out split into the job's state folder."""

from __future__ import annotations

import numpy as np

from wideload.arrays import Floats
from wideload.datasets.contract import Split
from wideload.harness.features.feed import EVALUATION_BATCH, held_out_split
from wideload.harness.features.unseen_values import SeenValues
from wideload.harness.job import predictions
from wideload.harness.rank.session import Session


def predict(session: Session, step: int) -> bool:
    """Writes this rank's predictions on the held-out split; False if there is no such split."""
    split = held_out_split(session.feed.dataset)
    if split is None:
        return False
    labels, found = predicted(session, split)
    predictions.save_predictions(session.job.path, step, session.cluster.rank, labels, found)
    return True


def predicted(session: Session, split: Split) -> tuple[Floats, Floats]:
    """Labels and predictions of this rank's share of a split, float32 ``[n]`` each. Collective."""
    labels, found = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    for batch in session.with_heartbeat(session.feed.held_out(split, EVALUATION_BATCH)):
        labels.append(batch.label[: batch.examples])
        probabilities = np.asarray(session.trainer.predict(batch), dtype=np.float32)
        found.append(probabilities.reshape(-1)[: batch.examples])
    return np.concatenate(labels), np.concatenate(found)


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
