"""How fast checkpoints are written, compared with ``dd`` with fsync in the same minute; and how long training pauses.

``pytest -o addopts=--import-mode=importlib --benchmark-only -s tests/harness/checkpoints/bench_checkpoint.py``
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROWS = int(os.environ.get("WIDELOAD_ROWS", "2000000"))
ROUNDS = 5


def dd_rate(folder: Path, megabytes: int) -> float:
    """MB/s of dd with fsync, of so many MB."""
    place = folder / "dd"
    command = ["dd", "if=/dev/zero", f"of={place}", "bs=1M", f"count={megabytes}", "conv=fsync"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"}).stderr
    place.unlink()
    found = re.search(r"(\d+) bytes.*copied, ([\d.e+-]+) s", said)
    assert found, said
    return int(found[1]) / float(found[2]) / 1e6


@pytest.mark.parametrize("background", [False, True], ids=["in_the_pause", "in_the_background"])
def test_full_checkpoint(benchmark: Any, kit: ModuleType, tmp_path: Path, background: bool) -> None:
    trainer = kit.big_trainer(ROWS)
    keeper = kit.make_checkpointer(tmp_path, trainer, background=background, keep=1)
    steps = iter(range(1, 1000))
    rates: list[float] = []

    def take() -> None:
        trainer.steps = next(steps)
        assert keeper.take(trainer.steps, kit.progress_after(0).writer(0))
        keeper.settle()

    def measure_dd() -> None:
        rates.append(dd_rate(tmp_path, 200))

    benchmark.pedantic(take, setup=measure_dd, rounds=ROUNDS, iterations=1)
    tally = keeper.tally
    size = tally.bytes / tally.taken / 1e6
    rate, dd = size / benchmark.stats.stats.median, float(np.median(rates))
    benchmark.extra_info.update(megabytes=size, rate=rate, dd=dd, pause=tally.pause_seconds / tally.taken)
    print(  # noqa: T201
        f"\n{ROWS:,} rows, {size:.0f} MB: {rate:.0f} MB/s until it is there, dd with fsync {dd:.0f} MB/s "
        f"({rate / dd:.0%}); training stands still for {1e3 * tally.pause_seconds / tally.taken:.0f} ms"
    )


def test_increment_at_one_percent(benchmark: Any, kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.big_trainer(ROWS)
    keeper = kit.make_checkpointer(tmp_path, trainer, background=True, keep=1, full_every=1000)
    trainer.steps = 1
    keeper.take(1, kit.progress_after(0).writer(0))
    keeper.settle()
    full, before = keeper.tally.bytes, keeper.tally.pause_seconds

    def touch() -> None:
        trainer.steps += 1
        signs = np.arange(trainer.steps, ROWS, 100, dtype=np.int64)
        trainer.table.pull(signs, step=trainer.steps)

    def take() -> None:
        assert keeper.take(trainer.steps + 1, kit.progress_after(0).writer(0))
        keeper.settle()

    benchmark.pedantic(take, setup=touch, rounds=ROUNDS, iterations=1)
    increments = keeper.tally.taken - 1
    size = (keeper.tally.bytes - full) / increments
    pause = (keeper.tally.pause_seconds - before) / increments
    benchmark.extra_info.update(share=size / full, pause=pause)
    print(  # noqa: T201
        f"\nan increment with 1 % of {ROWS:,} rows is {size / full:.2%} of the full size; pause {1e3 * pause:.0f} ms"
    )
