"""A strategy that fails on one rank at one step, in the way that its options say."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Literal

from wideload.harness.cluster import Cluster
from wideload.harness.contract import StepResult, Strategy, Trainer
from wideload.harness.features.layout import Batch, BatchLayout
from wideload.harness.workload.workload import Workload
from wideload.options import Options
from wideload_fakes.logistic import LogisticTrainer

Fault = Literal["none", "raise", "exit", "hang", "kill", "stop", "spam", "slow", "late_crash"]


class FaultyOptions(Options):
    fault: Fault = "none"
    at_step: int = 10
    at_rank: int = 1


class Faulty(Strategy):
    name = "faulty"
    summary = "fails on request"
    keys = "ids"
    Options = FaultyOptions

    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        return FaultyTrainer(layout, cluster, self.options)


class FaultyTrainer(LogisticTrainer):
    def __init__(self, layout: BatchLayout, cluster: Cluster, options: FaultyOptions) -> None:
        super().__init__(layout, cluster)
        self.options = options
        self.steps = 0

    def step(self, batch: Batch) -> StepResult:
        self.steps += 1
        if self.options.fault == "slow":
            time.sleep(0.05)
        if self.steps >= self.options.at_step and self.cluster.rank == self.options.at_rank:
            self.break_down()
        result = super().step(batch)
        if self.options.fault == "hang" and self.steps == self.options.at_step - 1:
            time.sleep(1.5 * (self.cluster.rank != self.options.at_rank))  # seen to progress after the one that hangs
        return result

    def break_down(self) -> None:
        fault = self.options.fault
        if self.steps == self.options.at_step:
            sys.stdout.write(f"breaks at {time.time()}\n")
            sys.stdout.flush()
        if fault == "raise":
            raise RuntimeError("told to raise")
        if fault == "exit":
            sys.stdout.write("about to leave\n")
            sys.stdout.flush()
            os._exit(0)
        if fault == "hang":
            time.sleep(3600)
        if fault in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
        if fault == "spam":
            sys.stdout.write("x" * 1023 + "\n" * 1)
            sys.stdout.write(("x" * 1023 + "\n") * 1024)

    def close(self) -> None:
        self.cluster.barrier()  # as strategies do whose ranks end together
        if self.options.fault == "late_crash" and self.cluster.rank == self.options.at_rank:
            import atexit

            atexit.register(os.abort)
