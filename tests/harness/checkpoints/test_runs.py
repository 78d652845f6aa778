"""``wideload run`` with checkpoints: a case that was killed resumes, and ends as if it had not been."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.verify import verify
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.checkpointing import Settings
from wideload.harness.job import messages
from wideload.harness.job.launcher import Finished, Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import find
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload

pytestmark = pytest.mark.mpi
SOAK = os.environ.get("WIDELOAD_SOAK") == "1"
PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registers the fake strategies and the tiny data set, here and in every process that is started."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")])))
    yield
    for name in [name for name in sys.modules if name.startswith("wideload_fakes")]:
        del sys.modules[name]


LIGHT = Case(
    workload=Workload(dataset="tiny", batch_size=100, steps=60),
    strategy="faulty",
    options={"fault": "slow", "at_rank": 9},
    ranks=2,
    threads=1,
    evaluate=False,
)
PLANTED = "planted[slots=4,vocabulary=300,numeric=2,examples=6000,test_examples=500]"
SPARSE = Case(
    workload=Workload(dataset=PLANTED, model=Model(hidden_units=(8,)), batch_size=100, steps=150),
    strategy="sparse_ps",
    ranks=2,
    threads=1,
    eval_every=40,
)


def launcher(folder: Path, **settings: int) -> Launcher:
    folder.mkdir(exist_ok=True)
    return Launcher(find(), folder, Limits(300.0, 60.0), checkpoints=Settings(**settings))  # type: ignore[arg-type]


def launch_and_kill(starter: Launcher, case: Case, seconds: float, luck: random.Random) -> tuple[Finished, bool]:
    """Runs a case whose ranks, or one of them, are killed after so long; whether anyone was."""
    killed = threading.Event()

    def kill() -> None:
        folder = starter.run.absolute() / "state" / case.case_id
        statuses = [messages.read(messages.status_path(folder, rank), RankStatus) for rank in range(case.ranks)]
        pids = [rank_status.pid for rank_status in statuses if rank_status is not None and not rank_status.ended]
        for pid in pids if luck.random() < 0.5 else pids[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.set()
            except ProcessLookupError:
                pass

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        return starter.launch(case), killed.is_set()
    finally:
        timer.cancel()
        timer.join()


def losses_of(finished: Finished) -> list[list[float]]:
    assert finished.verdict.status == "ok", (finished.verdict, [log.read_text()[-2000:] for log in finished.logs])
    return [outcome.losses for outcome in finished.outcomes if outcome is not None]


def uninterrupted(folder: Path, case: Case) -> tuple[Finished, float]:
    """What a case ends in when nobody kills it, and the seconds that it takes: kills must come earlier."""
    begun = time.monotonic()
    return launcher(folder, every=10_000).launch(case), time.monotonic() - begun


def interrupted(folder: Path, case: Case, kills: int, seconds: float, **settings: int) -> tuple[Finished, int]:
    """Kills a case again and again, within the seconds that it takes, then lets it end; with the kills that hit."""
    seed = int(os.environ.get("WIDELOAD_SEED", random.SystemRandom().randrange(2**32)))
    print(f"WIDELOAD_SEED={seed}")  # noqa: T201
    luck, starter, hits = random.Random(seed), launcher(folder, **settings), 0
    for _ in range(kills):
        finished, hit = launch_and_kill(starter, case, luck.uniform(0.3, 1.0) * seconds, luck)
        hits += hit
        if finished.verdict.status == "ok":
            return finished, hits
    return starter.launch(case), hits


@pytest.mark.slow
def test_a_job_that_is_killed_at_random_ends_in_the_same_bits(tmp_path: Path) -> None:
    """In a soak, 200 kills of a rank or of all of them; every run is let to its end in between."""
    straight, seconds = uninterrupted(tmp_path / "straight", LIGHT)
    expected = losses_of(straight)
    hits = runs = 0
    while hits < (200 if SOAK else 2):
        finished, hit = interrupted(tmp_path / str(runs), LIGHT, 4, seconds, every=2)
        hits, runs = hits + hit, runs + 1
        assert losses_of(finished) == expected
        whole(finished)
        print(f"{hits} kills in {runs} runs, each ended in the same bits")  # noqa: T201
        assert runs < 5 * hits + 10, "the kills come too late to hit anyone"


def whole(finished: Finished) -> None:
    """Every checkpoint that a case left behind is whole."""
    folder = finished.folder.parents[2] / "checkpoints" / finished.case.case_id
    for name in CheckpointFolder(folder).names():
        verify(folder / name)


@pytest.mark.slow
@pytest.mark.parametrize("full_every", [1, 4])
def test_a_killed_parameter_server_ends_in_the_same_bits(tmp_path: Path, full_every: int) -> None:
    straight, seconds = uninterrupted(tmp_path / "straight", SPARSE)
    hits = runs = 0
    while not hits or (SOAK and hits < 20):
        finished, hit = interrupted(tmp_path / str(runs), SPARSE, 2, seconds, every=10, full_every=full_every)
        hits, runs = hits + hit, runs + 1
        whole(finished)
        assert losses_of(finished) == losses_of(straight)
        points = [[point.step for point in outcome.points] for outcome in finished.outcomes if outcome]
        assert points == [[40, 80, 120, 150]] * 2, "evaluations before the kill are in the record too"
        for step in (40, 80, 120, 150):
            for rank in range(2):
                one = messages.predictions_path(finished.folder, step, rank).read_bytes()
                assert one == messages.predictions_path(straight.folder, step, rank).read_bytes()
        print(f"{hits} kills in {runs} runs of the parameter server")  # noqa: T201
        assert runs < 5 * hits + 10, "the kills come too late to hit anyone"


def test_a_case_that_ended_has_a_checkpoint_and_starts_from_scratch_when_told(tmp_path: Path) -> None:
    starter = launcher(tmp_path / "run", every=1000)
    short = LIGHT.model_copy(update={"workload": LIGHT.workload.model_copy(update={"steps": 5})})
    first = losses_of(starter.launch(short))
    assert starter.resumable(short)
    again = starter.launch(short, fresh=True)
    assert losses_of(again) == first
    outcome = again.outcomes[0]
    assert outcome is not None
    assert outcome.counters["resumed_after_step"] == 0
    assert outcome.counters["checkpoints"] == 1
    assert outcome.counters["checkpoint_bytes"] > 0
    assert 0 < outcome.counters["checkpoint_longest_pause_seconds"] <= outcome.counters["checkpoint_pause_seconds"]
