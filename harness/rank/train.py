"""Trains one rank of a case under a strategy, which it knows only through the contract."""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import asdict

from wideload import datasets, strategies
from wideload.datasets.contract import Dataset
from wideload.harness.checkpoints.checkpointer import Checkpointer
from wideload.harness.cluster import Cluster, machine
from wideload.harness.contract import Strategy, Trainer
from wideload.harness.experiment.case import Case
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.feed import Feed
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.job.memory_sampler import pss_bytes
from wideload.harness.job.messages import Job, Outcome, Point
from wideload.harness.model import fingerprint
from wideload.harness.rank.checkpointing import CaseCheckpoints
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.evaluate import predict, save_unseen_flags, with_heartbeat
from wideload.harness.rank.loop import Loop, Measured
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
    measured = run(job, cluster, heartbeat, feed, trainer)
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


def run(job: Job, cluster: Cluster, heartbeat: Heartbeat, feed: Feed, trainer: Trainer) -> Outcome:
    """The loop with evaluation, and what comes out of it."""
    case = job.case
    checkpoints = checkpoints_of(job, cluster, heartbeat, feed, trainer)
    before = checkpoints.resume() if checkpoints else None
    begun = before.steps if before else 0
    points = checkpoints.points if checkpoints else []

    def evaluate(step: int, examples: int, seconds: float) -> None:
        if predict(job, cluster, heartbeat, feed, trainer, step):
            points.append(
                Point(step=step, examples=examples, seconds=seconds + (checkpoints.seconds if checkpoints else 0.0))
            )

    clock, trace = Clock(), Trace(cluster.rank, case.trace)
    warmup = min(case.warmup_steps, (feed.steps - begun) // 2)
    loop = Loop(
        trainer=trainer,
        cluster=cluster,
        heartbeat=heartbeat,
        clock=clock,
        trace=trace,
        warmup_steps=warmup,
        eval_every=case.eval_every if case.evaluate else None,
        evaluate=evaluate,
        handicap=case.handicap,
        checkpoints=checkpoints,
    )
    batches = feed.train(begun)
    if case.preload:
        batches = iter(list(with_heartbeat(batches, heartbeat)))
    measured = loop.run(batches, before)
    pss = pss_bytes(os.getpid())
    if case.evaluate and case.kind == "train":
        evaluate(measured.steps, measured.global_examples, clock.training_seconds)
        if case.cold_start:
            save_unseen_flags(job, cluster, heartbeat, feed)
    if checkpoints:
        checkpoints.settle()
    trace.write(job.path)
    counters = {name: float(value) for name, value in trainer.counters().items()}
    counters |= checkpoints.counters() if checkpoints else {}
    found = fingerprints(case, feed.dataset, feed.adapter)
    footprint = asdict(trainer.footprint())
    return outcome(cluster, measured, clock, warmup, found, pss, footprint, counters, points)


def checkpoints_of(
    job: Job, cluster: Cluster, heartbeat: Heartbeat, feed: Feed, trainer: Trainer
) -> CaseCheckpoints | None:
    """The checkpoint hook of the case; None if it has no checkpoints."""
    if job.checkpoints is None or job.case.kind != "train":
        return None
    found = fingerprints(job.case, feed.dataset, feed.adapter)
    send = functools.partial(heartbeat.send, "checkpoint")
    keeper = Checkpointer(job.checkpoints, cluster, trainer, send, job.case.strategy, found, job.case.workload)
    return CaseCheckpoints(keeper)


def fingerprints(case: Case, dataset: Dataset, adapter: FeatureColumnAdapter) -> dict[str, str]:
    """Fingerprints that must be equal for two cases to be comparable.

    ``problem`` is the workload without its length; ``input`` says where batches come from while the clock runs.
    """
    return {
        "workload": case.workload.fingerprint,
        "problem": case.workload.changed(steps=None, epochs=1).fingerprint,
        "data": dataset.fingerprint(),
        "columns": adapter.fingerprint,
        "weights": fingerprint.fingerprint(case.workload, adapter.layout),
        "input": "memory" if case.preload else "stream",
    }


def outcome(
    cluster: Cluster,
    measured: Measured,
    clock: Clock,
    warmup: int,
    found: dict[str, str],
    pss: int | None = None,
    footprint: dict[str, int] | None = None,
    counters: dict[str, float] | None = None,
    points: list[Point] | None = None,
) -> Outcome:
    """The rank's measurements as a message; ``found``: see :func:`fingerprints`."""
    return Outcome(
        rank=cluster.rank,
        host=socket.gethostname(),
        pid=os.getpid(),
        steps=measured.steps,
        examples=measured.examples,
        warmup_steps=warmup,
        window_seconds=clock.seconds,
        window_examples=measured.window_examples,
        window_steps=measured.window_steps,
        window_cpu_seconds=clock.cpu_seconds,
        overhead_cpu_seconds=clock.supervisor_cpu_seconds,
        busy_seconds=clock.busy_seconds,
        machine=machine(),
        losses=measured.losses,
        batch_checksums=measured.batch_checksums,
        step_ms=measured.step_ms,
        phases_ms=measured.phases_ms,
        pss_bytes=pss,
        footprint=footprint or {},
        counters=counters or {},
        fingerprints=found,
        points=points or [],
    )
