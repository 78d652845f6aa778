"""Trains one rank of a case under a strategy, which it knows only through the contract."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator

from wideload import datasets, strategies
from wideload.harness.checkpoints.checkpointer import Checkpointer
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Strategy
from wideload.harness.experiment.case import Case
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.memory_sampler import pss_bytes
from wideload.harness.job.messages import Job, Outcome, Point
from wideload.harness.rank.checkpointing import CaseCheckpoints
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.evaluate import predict, save_unseen_flags
from wideload.harness.rank.loop import Loop
from wideload.harness.rank.outcome import outcome
from wideload.harness.rank.selection import Selection
from wideload.harness.rank.session import Session
from wideload.harness.rank.trace import Trace
from wideload.options import validate


def train(job: Job, cluster: Cluster, heartbeat: Heartbeat) -> Outcome:
    """Builds the strategy, trains and evaluates; returns what this rank measured."""
    case = job.case
    strategy = build_strategy(case)
    dataset = datasets.load(case.workload.dataset)
    adapter = FeatureColumnAdapter(case.workload.columns, dataset.schema(), keys=strategy.keys)
    adapter.check_across(cluster)
    feed = Feed(case.workload, dataset, adapter, cluster)
    trainer = strategy.build(case.workload, adapter.layout, team(case, cluster))
    measured = run(Session(job, cluster, heartbeat, feed, trainer))
    # Not after a failure: closing may wait for other ranks, and a failed rank must exit at once (harness/rank/main.py).
    trainer.close()
    return measured


def build_strategy(case: Case) -> Strategy:
    kind = strategies.find(case.strategy)
    return kind(validate(kind.Options, case.options, case.strategy))


def team(case: Case, cluster: Cluster) -> Cluster:
    """The cluster that the strategy uses: the whole job, or this rank alone for the ceiling without communication."""
    if case.kind != "alone":
        return cluster
    from mpi4py import MPI

    return Cluster(0, 1, MPI.COMM_SELF, cluster.threads)


def run(session: Session) -> Outcome:
    """The loop with its evaluations and checkpoints, and what comes out of it."""
    case = session.case
    checkpoints = checkpoints_of(session)
    before = checkpoints.resume() if checkpoints else None
    begun = before.steps if before else 0
    curve = Curve(session, checkpoints)
    selection = Selection(session, case.patience) if case.select == "best" else None
    clock, trace = Clock(), Trace(session.cluster.rank, case.trace)
    loop = Loop(
        trainer=session.trainer,
        cluster=session.cluster,
        heartbeat=session.heartbeat,
        clock=clock,
        trace=trace,
        warmup_steps=min(case.warmup_steps, (session.feed.steps - begun) // 2),
        eval_every=evaluated_every(session),
        evaluate=curve.evaluate if selection is None else lambda step, *_: selection.consider(step),
        evaluation_saves=selection is not None,
        handicap=case.handicap,
        checkpoints=checkpoints,
    )
    measured = loop.run(batches_of(session, begun), before)
    pss = pss_bytes(os.getpid())
    if selection is not None:
        selection.settle(measured.steps)
    if case.evaluate and case.kind == "train":
        curve.evaluate(measured.steps, measured.global_examples, clock.training_seconds)
        if case.cold_start:
            save_unseen_flags(session)
    if checkpoints:
        checkpoints.settle()
    trace.write(session.job.path)
    counters = {name: float(value) for name, value in session.trainer.counters().items()}
    counters |= checkpoints.counters() if checkpoints else {}
    counters |= selection.counters() if selection else {}
    footprint = session.trainer.footprint()
    return outcome(session, measured, clock, loop.warmup_steps, pss, footprint, counters, curve.points)


class Curve:
    """The evaluations of a case, those before an interruption included.

    Attributes:
        points: in the order of their steps; the checkpoints of the case keep the same list.
    """

    def __init__(self, session: Session, checkpoints: CaseCheckpoints | None) -> None:
        self._session = session
        self._seconds_before = checkpoints.seconds if checkpoints else 0.0
        self.points = checkpoints.points if checkpoints else []

    def evaluate(self, step: int, examples: int, seconds: float) -> bool:
        """Predicts the held-out split, if there is one; that never ends training.

        Args:
            step: steps trained so far; examples: by all ranks.
            seconds: of training since this process started.
        """
        begun = time.perf_counter()
        if predict(self._session, step):
            spent = time.perf_counter() - begun + (self.points[-1].evaluation_seconds or 0.0 if self.points else 0.0)
            total = self._seconds_before + seconds
            self.points.append(Point(step=step, examples=examples, seconds=total, evaluation_seconds=spent))
        return False


def evaluated_every(session: Session) -> int | None:
    """Steps between two evaluations during training; where the best state is kept, a pass if nothing else is said."""
    case = session.case
    if not case.evaluate:
        return None
    return case.eval_every or (session.feed.steps_per_pass if case.select == "best" else None)


def batches_of(session: Session, begun: int) -> Iterator[Batch]:
    """The rank's batches from step ``begun`` on, in memory if the case asks for that."""
    batches = session.feed.train(begun)
    return iter(list(session.with_heartbeat(batches))) if session.case.preload else batches


def checkpoints_of(session: Session) -> CaseCheckpoints | None:
    """The checkpoint hook of the case; None if it has no checkpoints."""
    job, case = session.job, session.case
    if job.checkpoints is None or case.kind != "train":
        return None
    send = functools.partial(session.heartbeat.send, "checkpoint")
    keeper = Checkpointer(
        job.checkpoints, session.cluster, session.trainer, send, case.strategy, session.fingerprints, case.workload
    )
    return CaseCheckpoints(keeper)
