"""The training loop of one rank, and the clock around it.

::

    warm-up steps │ barrier, clock on ── steps ── finish, barrier, clock off │ evaluate, keep │ barrier, clock on ── ...

One batch is read ahead, so that a strategy may fetch what the next step needs; it is not announced across a checkpoint,
which is one cut between two steps. Evaluation and everything that is written happen while the clock stands. Raw samples
are kept; percentiles are for the reader of the record.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from wideload.harness.cluster import Cluster
from wideload.harness.contract import StepResult, Trainer
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.trace import Trace

CHECKSUMMED_STEPS = 50
"""Steps whose batches go into the fingerprint of the order."""

Evaluate = Callable[[int, int, float], None]
"""Called with steps done, global examples trained, seconds of training so far."""


@dataclass(slots=True)
class Measured:
    """What the loop saw on this rank.

    ``batch_checksums`` holds examples, clicks and values of the first batches: summed over ranks they are the same for
    every strategy that was fed the same batches.
    """

    steps: int = 0
    examples: int = 0
    global_examples: int = 0
    window_examples: int = 0
    window_steps: int = 0
    losses: list[float] = field(default_factory=list)
    batch_checksums: list[int] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)
    phases_ms: dict[str, float] = field(default_factory=dict)

    def add(self, batch: Batch, result: StepResult) -> None:
        self.steps += 1
        self.examples += batch.examples
        self.global_examples += batch.global_size
        self.losses.append(float(result.loss))
        if self.steps <= CHECKSUMMED_STEPS:
            self.batch_checksums += [batch.examples, int(batch.label.sum()), len(batch.values)]

    def time(self, batch: Batch, input_ms: float, step_ms: float, result: StepResult) -> None:
        """Takes the samples of a step within the clock."""
        self.window_steps += 1
        self.window_examples += batch.global_size
        self.step_ms.append(input_ms + step_ms)
        for phase, duration in {"input": input_ms, **result.phases_ms}.items():
            self.phases_ms[phase] = self.phases_ms.get(phase, 0.0) + duration


class CheckpointHook(Protocol):
    """When to keep the state, and who keeps it. Every rank calls both alike."""

    def due(self, step: int) -> bool:
        """Whether the state after ``step`` steps is to be kept; asked before that step."""
        ...

    def take(self, measured: Measured, training_seconds: float) -> None:
        """Keeps the state between two steps; nothing is under way."""
        ...


@dataclass(slots=True)
class Loop:
    """One rank's way through its batches.

    Attributes:
        warmup_steps: steps before the clock starts.
        eval_every: steps between two evaluations on the way, or None.
        handicap: share by which every step is prolonged on purpose.
        checkpoints: takes them, or None.
    """

    trainer: Trainer
    cluster: Cluster
    heartbeat: Heartbeat
    clock: Clock
    trace: Trace
    warmup_steps: int
    eval_every: int | None
    evaluate: Evaluate
    handicap: float = 0.0
    checkpoints: CheckpointHook | None = None

    def run(self, batches: Iterator[Batch], before: Measured | None = None) -> Measured:
        """Trains on every batch; ``before`` is what was measured until the case was interrupted."""
        # What set-up made lives as long as the run. Out of the collector's sight, or it is walked again and again: a
        # twentieth of a step's CPU time, under any strategy.
        gc.collect()
        gc.freeze()
        measured = before if before is not None else Measured()
        begun = measured.steps
        current = next(batches, None)
        if self.warmup_steps == 0:
            self._start()
        while current is not None:
            checkpoint_due = self.checkpoints is not None and self.checkpoints.due(measured.steps + 1)
            upcoming = self._step(measured, current, batches, announce=not checkpoint_due)
            if measured.steps - begun == self.warmup_steps and upcoming is not None:
                self.trainer.finish()
                self._start()
            if self.eval_every and upcoming is not None and measured.steps % self.eval_every == 0:
                self._pause(measured, self._evaluate)
            if checkpoint_due and upcoming is not None:
                self._pause(measured, self._keep)
            current = upcoming
        self.trainer.finish()
        self._stop()
        if measured.steps > begun:
            self._keep(measured)
        return measured

    def _step(self, measured: Measured, current: Batch, batches: Iterator[Batch], announce: bool) -> Batch | None:
        timed = self.clock.running
        begun = time.perf_counter()
        upcoming = next(batches, None)
        read = time.perf_counter()
        if upcoming is not None and announce:
            self.trainer.prefetch(upcoming)
        result = self.trainer.step(current)
        done = self._handicapped(read, time.perf_counter())
        measured.add(current, result)
        if timed:
            measured.time(current, (read - begun) * 1000, (done - read) * 1000, result)
        self.trace.step(measured.steps, begun, read, done, result.phases_ms)
        self.heartbeat.send("train" if timed else "warm-up", measured.steps)
        return upcoming

    def _handicapped(self, begun: float, done: float) -> float:
        """Spins for a share of the step, when asked to."""
        until = done + self.handicap * (done - begun)
        while done < until:
            done = time.perf_counter()
        return done

    def _pause(self, measured: Measured, work: Callable[[Measured], None]) -> None:
        was_running = self.clock.running
        self.trainer.finish()
        self._stop()
        work(measured)
        if was_running:
            self._start()
        else:
            self.cluster.barrier()  # nobody trains on while another rank still reads what it keeps
            self.clock.resume()

    def _evaluate(self, measured: Measured) -> None:
        self.evaluate(measured.steps, measured.global_examples, self.clock.training_seconds)

    def _keep(self, measured: Measured) -> None:
        if self.checkpoints is not None:
            self.checkpoints.take(measured, self.clock.training_seconds)

    def _start(self) -> None:
        self.cluster.barrier()
        self.clock.start()

    def _stop(self) -> None:
        self.cluster.barrier()
        self.clock.stop()
