"""A trainer without TensorFlow whose model is files of table rows, and a cluster of one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wideload import _native
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.checkpointer import Checkpointer
from wideload.harness.checkpoints.folder import name_of
from wideload.harness.cluster import Cluster
from wideload.harness.contract import Footprint, StepResult, Trainer, Written
from wideload.harness.experiment.checkpointing import Settings
from wideload.harness.features.layout import Batch
from wideload.harness.rank.progress import Progress

SOAK = os.environ.get("WIDELOAD_SOAK") == "1"
SHARDS = 6


class Alone:
    """A communicator of one."""

    def Barrier(self) -> None: ...  # noqa: N802 - MPI's name

    def allgather(self, value: Any) -> list[Any]:
        return [value]


class TableSnapshot:
    """Copied rows of a table, and what describes them."""

    def __init__(self, trainer: TableTrainer, since: int) -> None:
        self.digest = _native.row_digest(trainer.table)
        self.shards = {}
        for shard in range(256):
            signs, headers, floats = _native.shard_rows(trainer.table, shard)
            touched = headers["last_step"] >= since
            if touched.any():
                self.shards[shard] = signs[touched], headers[touched], floats[touched]
        files = {f"shard-{shard:03d}.rows": len(rows[0]) for shard, rows in self.shards.items()}
        self.header = trainer.header(files)

    def write(self, directory: Path) -> Written:
        folder = directory / "table-t"
        folder.mkdir()
        for shard, rows in self.shards.items():
            path = folder / f"shard-{shard:03d}.rows"
            _native.write_row_file(str(path), shard, self.digest, *rows, synced=False)
        return Written(list(folder.iterdir()), {"rows": sum(len(rows[0]) for rows in self.shards.values())})

    def finish(self, directory: Path, parts: Sequence[Any]) -> Sequence[Path]:
        assert parts[0]["rows"] == sum(self.header["tables"]["t"]["files"].values())
        (directory / "model.json").write_text(json.dumps(self.header))
        return [directory / "model.json"]


class TableTrainer(Trainer):
    """Adds its step number to some rows of a table a step; whole checkpoints and increments."""

    incremental = True

    def __init__(self, rows: int = 2000) -> None:
        self.rows = rows
        self.steps = 0
        self.table = _native.SparseTable("t", [_native.Slice("deep", 4)], seed=3)
        self.slices = [{"name": "deep", "dimension": 4, "state": 4, "optimizer": "adagrad"}]

    def advance(self) -> None:
        signs = np.arange(self.steps * 37, self.steps * 37 + self.rows // 10, dtype=np.int64) % self.rows
        self.table.push(signs, np.full((len(signs), 4), 0.01 * self.steps, np.float32), step=self.steps)
        self.steps += 1

    def content(self) -> list[bytes]:
        return [array.tobytes() for shard in range(256) for array in _native.shard_rows(self.table, shard)]

    def save(self, directory: Path) -> None:
        folder = directory / "table-t"
        folder.mkdir()
        header = self.header(_native.save_rows(self.table, str(folder)))
        (directory / "model.json").write_text(json.dumps(header))

    def restore(self, directory: Path) -> None:
        self.table.clear()
        self.restore_increment(directory)

    def save_increment(self, directory: Path, since: int) -> None:
        snapshot = TableSnapshot(self, since)
        snapshot.finish(directory, [snapshot.write(directory).about])

    def snapshot(self, since: int | None = None) -> TableSnapshot:
        return TableSnapshot(self, since or 0)

    def restore_increment(self, directory: Path) -> None:
        self.table.load(str(directory / "table-t"))
        self.steps = json.loads((directory / "model.json").read_text())["step"]

    def header(self, files: dict[str, int]) -> dict[str, Any]:
        form = {"digest": _native.row_digest(self.table), "seed": 3, "salt": self.table.salt, "slices": self.slices}
        tables = {"t": form | {"files": files}}
        return {"format": "wideload-sparse-ps-1", "step": self.steps, "ranks": 1, "tables": tables}

    def step(self, batch: Batch) -> StepResult:
        raise NotImplementedError

    def predict(self, batch: Batch) -> Any:
        raise NotImplementedError

    def footprint(self) -> Footprint:
        return Footprint()


def make_checkpointer(folder: Path, trainer: Trainer, **settings: Any) -> Checkpointer:
    """One that writes while the trainer waits, unless told otherwise."""
    alone = Cluster(0, 1, Alone())
    chosen = Settings(folder=str(folder), **({"background": False} | settings))
    return Checkpointer(chosen, alone, trainer, lambda: None, "table", {"workload": "w"})


def progress_after(steps: int) -> Progress:
    losses = [1.0 / (step + 3) for step in range(steps)]
    return Progress({"steps": steps, "examples": 8 * steps, "global_examples": 16 * steps}, losses, [1, 2, 3])


def resumed(keeper: Checkpointer) -> Progress | None:
    """Resumes; what had been measured until the checkpoint that was loaded."""
    newest = keeper.resume()
    return None if newest is None else Progress.read(newest, 0)


def train_and_keep(keeper: Checkpointer, trainer: TableTrainer, until: int) -> None:
    """One checkpoint a step."""
    while trainer.steps < until:
        trainer.advance()
        keeper.take(trainer.steps, progress_after(trainer.steps).writer(0))
    keeper.settle()


def straight(steps: int, rows: int = 2000) -> list[bytes]:
    """The content of a table that was trained without interruption."""
    trainer = TableTrainer(rows)
    for _ in range(steps):
        trainer.advance()
    return trainer.content()


def refusal_of(work: Callable[[], object]) -> str:
    """The message of the CheckpointError that the work raises."""
    with pytest.raises(CheckpointError) as caught:
        work()
    return str(caught.value)


def big_trainer(rows: int) -> TableTrainer:
    """Rows like those of a workload with embeddings of 16: a linear weight under FTRL, the embedding under AdaGrad."""
    trainer = TableTrainer()
    wide = _native.Slice("wide", 1, optimizer=_native.Ftrl(), initializer=_native.Initializer("zeros"))
    trainer.table = _native.SparseTable("t", [wide, _native.Slice("deep", 16)], seed=3, threads=2)
    trainer.slices = [
        {"name": "wide", "dimension": 1, "state": 2, "optimizer": "ftrl"},
        {"name": "deep", "dimension": 16, "state": 16, "optimizer": "adagrad"},
    ]
    gradients = np.random.default_rng(0).normal(size=(min(rows, 100_000), 17)).astype(np.float32)
    for begin in range(0, rows, 100_000):
        signs = np.arange(begin, min(begin + 100_000, rows), dtype=np.int64)
        trainer.table.push(signs, gradients[: len(signs)], step=0)
    return trainer


def big_checkpoint(root: Path, rows: int) -> Path:
    """A full checkpoint of such a table."""
    trainer = big_trainer(rows)
    trainer.steps = 1
    make_checkpointer(root, trainer).take(1, progress_after(0).writer(0))
    return root / name_of(1)
