"""What one rank has measured, as the message that the sweep reads."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict

from wideload.harness.cluster import machine
from wideload.harness.contract import Footprint
from wideload.harness.job.messages import Outcome, Point
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.loop import Measured
from wideload.harness.rank.session import Session


def outcome(
    session: Session,
    measured: Measured,
    clock: Clock,
    warmup: int,
    pss: int | None = None,
    footprint: Footprint | None = None,
    counters: dict[str, float] | None = None,
    points: list[Point] | None = None,
) -> Outcome:
    """The rank's measurements as a message.

    Args:
        warmup: steps before the clock started.
        pss: proportional set size in bytes at the end of training.
        footprint: of the trainer, in bytes; counters: of the trainer and of the checkpoints.
        points: the evaluations, in order.
    """
    return Outcome(
        rank=session.cluster.rank,
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
        throttled_seconds=clock.throttled_seconds,
        machine=machine(),
        losses=measured.losses,
        batch_checksums=measured.batch_checksums,
        step_ms=measured.step_ms,
        phases_ms=measured.phases_ms,
        pss_bytes=pss,
        footprint=asdict(footprint) if footprint else {},
        counters=counters or {},
        fingerprints=session.fingerprints,
        points=points or [],
    )
