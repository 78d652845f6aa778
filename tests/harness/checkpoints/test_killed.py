"""kill -9 at random moments: what is called a checkpoint afterwards is whole, and the run ends in the same bits.

``WIDELOAD_SOAK=1`` kills 200 times instead of a few; ``WIDELOAD_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from types import ModuleType

import pytest

from wideload.harness.checkpoints.verify import verify

STEPS = 20
ROWS = 100


@pytest.fixture
def luck() -> random.Random:
    seed = int(os.environ.get("WIDELOAD_SEED", random.SystemRandom().randrange(2**32)))
    print(f"WIDELOAD_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    return random.Random(seed)


def train_in_child(kit: ModuleType, folder: Path, **settings: int) -> int:
    """Forks a process that resumes and trains to the end, a checkpoint a step; its id."""
    child = os.fork()
    if child:
        return child
    try:
        trainer = kit.TableTrainer(ROWS)
        keeper = kit.make_checkpointer(folder, trainer, **settings)
        keeper.resume()
        kit.train_and_keep(keeper, trainer, STEPS)
        os._exit(0)
    finally:
        os._exit(1)


def killed_after(child: int, seconds: float) -> bool:
    """Whether the child was killed before it was done."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, f"the child failed by itself: {status}"
            return False
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("full_every", [1, 5])
def test_every_resume_ends_in_the_same_bits(
    kit: ModuleType, tmp_path: Path, luck: random.Random, full_every: int, background: bool
) -> None:
    wanted, kills, runs = 50 if kit.SOAK else 5, 0, 0
    expected = kit.straight(STEPS, ROWS)
    settings = {"full_every": full_every, "background": background}
    while kills < wanted:
        folder = tmp_path / str(runs)
        runs += 1
        patience = 0.4
        while killed_after(train_in_child(kit, folder, **settings), luck.uniform(0, patience)):
            kills += 1
            patience *= 1.1  # a run ends, however slow the machine
            for name in kit.make_checkpointer(folder, kit.TableTrainer(ROWS)).folder.names():
                verify(folder / name)
        trainer = kit.TableTrainer(ROWS)
        progress = kit.resumed(kit.make_checkpointer(folder, trainer, full_every=full_every))
        assert progress == kit.progress_after(STEPS)
        assert trainer.content() == expected
