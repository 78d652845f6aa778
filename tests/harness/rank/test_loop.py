from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, StepResult, Trainer
from wideload.harness.features.layout import Batch
from wideload.harness.job.heartbeat import Heartbeat
from wideload.harness.rank.clock import Clock
from wideload.harness.rank.loop import Loop
from wideload.harness.rank.trace import Trace


class Diary(Trainer):
    """Records the calls it receives."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waits: list[int] = []

    def prefetch(self, batch: Batch) -> None:
        self.lines.append(f"prefetch {batch.global_size}")

    def step(self, batch: Batch) -> StepResult:
        self.lines.append(f"step {batch.global_size}")
        return StepResult(float(batch.global_size), {"compute": 2.0})

    def finish(self) -> None:
        self.lines.append("finish")

    def predict(self, batch: Batch) -> Any:
        raise NotImplementedError

    def footprint(self) -> Footprint:
        return Footprint()

    def save(self, directory: Any) -> None: ...

    def restore(self, directory: Any) -> None: ...


class Alone:
    """A communicator of one that records where it would wait for others."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    def Barrier(self) -> None:  # noqa: N802 - MPI's name
        self.diary.waits.append(len(self.diary.lines))


class DiaryClock(Clock):
    """A clock that writes into the diary when it starts and stops."""

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary

    def start(self) -> None:
        self.diary.lines.append("clock on")
        super().start()

    def stop(self) -> None:
        self.diary.lines.append("clock off" if self.running else "still off")
        super().stop()


def batches(count: int) -> Iterator[Batch]:
    for number in range(1, count + 1):
        label = np.ones(1, np.float32)
        yield Batch(label, np.empty((1, 0), np.float32), np.empty(0, np.int64), np.zeros(1, np.int32), None, number)


def train(steps: int, warmup: int = 0, every: int | None = None) -> tuple[list[str], Any]:
    diary, measured = write_diary(steps, warmup, every)
    return diary.lines, measured


def write_diary(steps: int, warmup: int, every: int | None) -> tuple[Diary, Any]:
    diary = Diary()
    evaluate = lambda step, examples, _: diary.lines.append(f"evaluate {step} {examples}")  # noqa: E731
    cluster = Cluster(0, 1, Alone(diary))
    loop = Loop(
        trainer=diary,
        cluster=cluster,
        heartbeat=Heartbeat(None),
        clock=DiaryClock(diary),
        trace=Trace(0, False),
        warmup_steps=warmup,
        eval_every=every,
        evaluate=evaluate,
    )
    return diary, loop.run(batches(steps))


def test_the_next_batch_is_announced_before_the_current_one_is_trained_on() -> None:
    lines, _ = train(3)
    assert lines == ["clock on", "prefetch 2", "step 1", "prefetch 3", "step 2", "step 3", "finish", "clock off"]


def test_the_clock_starts_after_the_warm_up_with_nothing_pending() -> None:
    lines, measured = train(3, warmup=1)
    assert lines[:4] == ["prefetch 2", "step 1", "finish", "clock on"]
    assert (measured.steps, measured.window_steps, measured.window_examples) == (3, 2, 5)


def test_pushes_are_finished_before_the_clock_stops() -> None:
    lines, _ = train(2)
    assert lines[-2:] == ["finish", "clock off"]


def test_evaluation_is_off_the_clock() -> None:
    lines, _ = train(4, every=2)
    at = lines.index("evaluate 2 3")
    assert lines[at - 2 : at + 2] == ["finish", "clock off", "evaluate 2 3", "clock on"]


def test_the_last_step_is_left_to_the_final_evaluation() -> None:
    lines, _ = train(4, every=2)
    assert [line for line in lines if line.startswith("evaluate")] == ["evaluate 2 3"]


def test_evaluation_during_the_warm_up_does_not_start_the_clock() -> None:
    lines, _ = train(4, warmup=3, every=2)
    assert lines.count("clock on") == 1
    assert lines.index("evaluate 2 3") < lines.index("clock on")


@pytest.mark.parametrize("warmup", [0, 3])
def test_ranks_wait_for_each_other_after_a_pause(warmup: int) -> None:
    """So that none resumes training while another is still reading its state."""
    diary, _ = write_diary(4, warmup, every=2)
    assert diary.lines.index("evaluate 2 3") + 1 in diary.waits


def test_losses_of_every_step_are_kept_and_phases_within_the_clock_are_summed() -> None:
    _, measured = train(3, warmup=1)
    assert measured.losses == [1.0, 2.0, 3.0]
    assert measured.phases_ms["compute"] == pytest.approx(4.0)
    assert len(measured.step_ms) == 2


class Working(Diary):
    """Every step takes 10 ms of a time that only passes when somebody works or looks at it."""

    now = 0.0

    def step(self, batch: Batch) -> StepResult:
        self.now += 0.010
        return super().step(batch)

    def look(self) -> float:
        self.now += 0.0001
        return self.now


@pytest.mark.parametrize(("handicap", "milliseconds"), [(0.0, 10.0), (0.5, 15.0), (1.0, 20.0)])
def test_a_handicap_lengthens_every_step_by_its_share(
    monkeypatch: pytest.MonkeyPatch, handicap: float, milliseconds: float
) -> None:
    trainer = Working()
    monkeypatch.setattr("wideload.harness.rank.loop.time.perf_counter", trainer.look)
    loop = Loop(
        trainer=trainer,
        cluster=Cluster(0, 1, Alone(trainer)),
        heartbeat=Heartbeat(None),
        clock=Clock(),
        trace=Trace(0, False),
        handicap=handicap,
    )
    assert loop.run(batches(4)).step_ms == pytest.approx([milliseconds] * 4, rel=0.05)


def test_no_batches_are_no_steps() -> None:
    lines, measured = train(0)
    assert (measured.steps, lines) == (0, ["clock on", "finish", "clock off"])
