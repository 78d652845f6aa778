"""Taking checkpoints and resuming from them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import name_of
from wideload.harness.checkpoints.manifest import NAME
from wideload.harness.checkpoints.verify import verify


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_resumed_trainer_is_the_one_that_was_kept(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer), trainer, 5)
    again = kit.TableTrainer()
    progress = kit.resumed(kit.make_checkpointer(tmp_path, again))
    assert progress == kit.progress_after(5)
    assert again.content() == kit.straight(5)


def test_what_is_written_in_the_background_is_the_state_of_the_snapshot(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, trainer, background=True)
    for _ in range(5):
        trainer.advance()
    progress = kit.progress_after(5)
    assert keeper.take(5, progress.writer(0))
    progress.losses.append(1.0)  # as the loop does
    trainer.advance()
    keeper.settle()
    assert verify(tmp_path / name_of(5)).step == 5
    again = kit.TableTrainer()
    assert kit.resumed(kit.make_checkpointer(tmp_path, again)) == kit.progress_after(5)
    assert again.content() == kit.straight(5)


def test_the_bytes_are_the_same_whoever_writes_them(kit: ModuleType, tmp_path: Path) -> None:
    for background in (True, False):
        trainer = kit.TableTrainer()
        keeper = kit.make_checkpointer(tmp_path / str(background), trainer, background=background, full_every=3)
        kit.train_and_keep(keeper, trainer, 5)
        assert keeper.tally.taken == 5
        assert keeper.tally.bytes > 0
        assert 0 < keeper.tally.longest_pause <= keeper.tally.pause_seconds
    contents = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "True", tmp_path / "False")
    ]
    assert contents[0] == contents[1]


def test_what_fails_in_the_background_costs_that_checkpoint_alone(
    kit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, trainer, background=True, full_every=9)
    kit.train_and_keep(keeper, trainer, 2)
    with monkeypatch.context() as broken:
        broken.setattr(kit.TableSnapshot, "write", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
        kit.train_and_keep(keeper, trainer, 3)
    assert "no checkpoint at step 3: no space left" in capsys.readouterr().err
    assert keeper.folder.names() == [name_of(1), name_of(2)]
    kit.train_and_keep(keeper, trainer, 4)
    assert (keeper.tally.taken, keeper.tally.failed) == (3, 1)
    assert keeper.folder.chain(name_of(4)) == [name_of(4)], "what changed since step 2 was noted for step 3: a full one"


def test_without_checkpoints_there_is_nothing_to_resume(kit: ModuleType, tmp_path: Path) -> None:
    assert kit.make_checkpointer(tmp_path / "none", kit.TableTrainer()).resume() is None


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    kit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer), trainer, 5)
    flip(next((tmp_path / name_of(5) / "model" / "table-t").glob("*.rows")), 70)
    again = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, again)
    assert kit.resumed(keeper).counts["steps"] == 4
    assert "block 0 is damaged" in capsys.readouterr().err
    kit.train_and_keep(keeper, again, 6)
    assert again.content() == kit.straight(6)
    assert keeper.folder.names() == [name_of(5), name_of(6)], "the damaged one is nobody's newest any more"


def test_increments_resume_to_the_same_bits(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, trainer, full_every=4)
    kit.train_and_keep(keeper, trainer, 7)
    assert keeper.folder.chain(name_of(7)) == [name_of(5), name_of(6), name_of(7)]
    again = kit.TableTrainer()
    kit.make_checkpointer(tmp_path, again, full_every=4).resume()
    assert again.content() == kit.straight(7)


def test_an_increment_at_one_percent_touched_rows_is_below_five_percent_of_the_size(
    kit: ModuleType, tmp_path: Path
) -> None:
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, trainer, full_every=2)
    trainer.table.pull(np.arange(100_000), step=0)
    keeper.take(1, kit.progress_after(1).writer(0))
    trainer.table.pull(np.arange(0, 100_000, 100), step=1)
    keeper.take(2, kit.progress_after(2).writer(0))
    full, increment = (sum(entry.bytes for entry in verify(tmp_path / name_of(step)).files) for step in (1, 2))
    assert increment < 0.05 * full


def test_damage_below_an_increment_makes_it_unusable(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer, full_every=3), trainer, 4)
    # 1 is full, 2 and 3 build on it, 4 is full.
    flip(tmp_path / name_of(4) / NAME, 20)
    flip(next((tmp_path / name_of(1) / "model" / "table-t").glob("*.rows")), 70)
    assert kit.make_checkpointer(tmp_path, kit.TableTrainer(), full_every=3).resume() is None


def test_another_workload_is_refused_by_name(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer), trainer, 1)
    other = kit.make_checkpointer(tmp_path, kit.TableTrainer())
    other.fingerprints = {"workload": "another"}
    with pytest.raises(CheckpointError, match="workload is w in it, another here"):
        other.resume()


def test_nothing_in_a_checkpoint_is_pickled(kit: ModuleType, tmp_path: Path) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer), trainer, 1)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".rows", ".safetensors", ".json"}
    assert not any(path.read_bytes().startswith((b"\x80\x02", b"\x80\x04", b"\x80\x05", b"PK")) for path in files)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("background", [False, True])
def test_a_full_disk_costs_that_checkpoint_alone(
    kit: ModuleType, small_disk: Path, background: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = kit.TableTrainer(rows=2000)
    keeper = kit.make_checkpointer(small_disk / "c", trainer, keep=50, background=background)
    trainer.advance()
    assert keeper.take(1, kit.progress_after(1).writer(0))
    while not keeper.tally.failed:
        trainer.advance()
        keeper.take(trainer.steps, kit.progress_after(trainer.steps).writer(0))
        keeper.settle()
        assert trainer.steps < 100
    assert "Training continues" in capsys.readouterr().err
    kept = keeper.folder.names()
    assert name_of(trainer.steps) not in kept
    assert all(verify(keeper.folder.path(name)).step for name in kept)
    assert not list(keeper.folder.root.glob(".*.partial")), "and what was written of it is gone"
    trainer.advance()
    again = kit.TableTrainer()
    kit.make_checkpointer(small_disk / "c", again).resume()
    assert again.content() == kit.straight(again.steps)
