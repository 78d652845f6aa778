"""The training loop of one rank, and the clock around it.

::

    warm-up steps │ barrier, clock on ── steps ── finish, barrier, clock off │ evaluate, save │ barrier, clock on ── ...

One batch is read ahead, so that a strategy can fetch what the next step needs. It is not announced before a checkpoint,
which must separate two steps cleanly. The clock is stopped during evaluation and while anything is written. Raw samples
are kept; percentiles are computed from them when the record is made.
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
"""Number of steps whose batches enter the fingerprint of the order."""

Evaluate = Callable[[int, int, float], bool]
"""Called with the steps done, the global examples trained and the seconds of training so far; whether to stop."""


@dataclass(slots=True)
class Measured:
    """What the loop measured on this rank.

    ``batch_checksums`` holds the number of examples, clicks and values of each of the first batches. Summed over the
    ranks, they are the same for every strategy that was given the same batches.
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
        """Adds the timings of a step within the clock."""
        self.window_steps += 1
        self.window_examples += batch.global_size
        self.step_ms.append(input_ms + step_ms)
        for phase, duration in {"input": input_ms, **result.phases_ms}.items():
            self.phases_ms[phase] = self.phases_ms.get(phase, 0.0) + duration


class CheckpointHook(Protocol):
    """Decides when to save the state, and saves it. Every rank makes the same calls."""

    def due(self, step: int) -> bool:
        """Whether to save the state after ``step`` steps; called before that step."""
        ...

    def take(self, measured: Measured, training_seconds: float) -> None:
        """Saves the state between two steps, when nothing is pending."""
        ...


@dataclass(slots=True, kw_only=True)
class Loop:
    """Trains one rank on its batches.

    Attributes:
        warmup_steps: steps before the clock starts.
        eval_every: steps between two evaluations during training, or None; evaluation_saves: whether they may save the
            state, so that, as before a checkpoint, no batch may be announced.
        handicap: share by which every step is deliberately lengthened.
        checkpoints: takes them, or None.
    """

    trainer: Trainer
    cluster: Cluster
    heartbeat: Heartbeat
    clock: Clock
    trace: Trace
    warmup_steps: int = 0
    eval_every: int | None = None
    evaluate: Evaluate = lambda *_: False
    evaluation_saves: bool = False
    handicap: float = 0.0
    checkpoints: CheckpointHook | None = None
    _stopped: bool = False

    def run(self, batches: Iterator[Batch], before: Measured | None = None) -> Measured:
        """Trains on every batch; ``before`` is what had been measured before an interruption."""
        # What set-up made lives as long as the run. Unless it is hidden from the garbage collector, it is traversed
        # repeatedly, which takes a twentieth of a step's CPU time under any strategy.
        gc.collect()
        gc.freeze()
        measured = before if before is not None else Measured()
        begun = measured.steps
        current = next(batches, None)
        if self.warmup_steps == 0:
            self._start()
        while current is not None and not self._stopped:
            checkpoint_due = self.checkpoints is not None and self.checkpoints.due(measured.steps + 1)
            evaluation_due = bool(self.eval_every) and (measured.steps + 1) % (self.eval_every or 1) == 0
            saves = checkpoint_due or (evaluation_due and self.evaluation_saves)
            upcoming = self._step(measured, current, batches, announce=not saves)
            if measured.steps - begun == self.warmup_steps and upcoming is not None:
                self.trainer.finish()
                self._start()
            if evaluation_due and upcoming is not None:
                self._pause(measured, self._evaluate)
            if checkpoint_due and upcoming is not None:
                self._pause(measured, self._save)
            current = upcoming
        self.trainer.finish()
        self._stop()
        if measured.steps > begun:
            self._save(measured)
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
        """Busy-waits for the configured share of the step; returns when that is over."""
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
            self.cluster.barrier()  # no rank resumes training while another is still reading its state
            self.clock.resume()

    def _evaluate(self, measured: Measured) -> None:
        seconds = self.clock.training_seconds
        self._stopped = self.evaluate(measured.steps, measured.global_examples, seconds)

    def _save(self, measured: Measured) -> None:
        if self.checkpoints is not None:
            self.checkpoints.take(measured, self.clock.training_seconds)

    def _start(self) -> None:
        self.cluster.barrier()
        self.clock.start()

    def _stop(self) -> None:
        self.cluster.barrier()
        self.clock.stop()
