"""Checkpoints in a store: complete or absent there too, and a way back onto a new machine."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from types import ModuleType

import fsspec
import pytest

from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.folder import name_of
from wideload.harness.checkpoints.manifest import NAME
from wideload.harness.checkpoints.remote import RemoteFolder, copy
from wideload.harness.checkpoints.verify import verify


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/case"


@pytest.mark.parametrize("background", [False, True])
def test_a_machine_that_is_lost_costs_nothing(kit: ModuleType, tmp_path: Path, url: str, background: bool) -> None:
    trainer = kit.TableTrainer()
    settings = {"mirror": url, "full_every": 3, "background": background}
    kit.train_and_keep(kit.make_checkpointer(tmp_path / "here", trainer, **settings), trainer, 5)
    shutil.rmtree(tmp_path / "here")
    again = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path / "elsewhere", again, **settings)
    assert kit.resumed(keeper) == kit.progress_after(5)
    assert again.content() == kit.straight(5)
    assert keeper.folder.names() == [name_of(4), name_of(5)], "the increment and what it builds on"


def test_the_store_holds_what_the_folder_holds(kit: ModuleType, tmp_path: Path, url: str) -> None:
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path, trainer, mirror=url, keep=2)
    kit.train_and_keep(keeper, trainer, 6)
    assert RemoteFolder.at(url).names() == keeper.folder.names() == [name_of(5), name_of(6)]


def test_what_is_discarded_is_gone(kit: ModuleType, tmp_path: Path, url: str) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer, mirror=url, full_every=3), trainer, 3)
    RemoteFolder.at(url).discard()
    assert RemoteFolder.at(url).names() == []
    assert kit.make_checkpointer(tmp_path / "new", kit.TableTrainer(), mirror=url).resume() is None


def test_without_its_manifest_there_is_no_checkpoint(kit: ModuleType, tmp_path: Path, url: str) -> None:
    """As when the upload, or the removal, was interrupted."""
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path, trainer, mirror=url), trainer, 2)
    fsspec.filesystem("memory").rm(f"{url}/{name_of(2)}/{NAME}")
    assert RemoteFolder.at(url).names() == [name_of(1)]
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        copy(f"{url}/{name_of(2)}", str(tmp_path / "back"))


def test_a_file_that_changed_in_the_store_is_found_on_the_way_back(kit: ModuleType, tmp_path: Path, url: str) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path / "here", trainer), trainer, 2)
    assert copy(str(tmp_path / "here" / name_of(2)), url) == [name_of(2)]
    system = fsspec.filesystem("memory")
    victim = next(path for path in system.find(url) if path.endswith(".rows"))
    content = bytearray(system.cat_file(victim))
    content[70] ^= 1
    system.pipe_file(victim, bytes(content))
    with pytest.raises(CheckpointError, match="block 0 is damaged"):
        copy(f"{url}/{name_of(2)}", str(tmp_path / "back"))
    assert not list((tmp_path / "back").iterdir()), "nothing of it stays"


def test_a_checkpoint_goes_there_and_back(kit: ModuleType, tmp_path: Path, url: str) -> None:
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(tmp_path / "here", trainer, full_every=9), trainer, 3)
    assert copy(str(tmp_path / "here" / name_of(3)), url) == [name_of(1), name_of(2), name_of(3)]
    copy(f"{url}/{name_of(3)}", str(tmp_path / "back"))
    assert verify(tmp_path / "back" / name_of(3)) == verify(tmp_path / "here" / name_of(3))


def test_a_store_that_cannot_be_reached_costs_the_copy_alone(
    kit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    trainer = kit.TableTrainer()
    keeper = kit.make_checkpointer(tmp_path / "here", trainer, mirror=f"file://{tmp_path}/file/case")
    kit.train_and_keep(keeper, trainer, 1)
    assert keeper.folder.names() == [name_of(1)]
    assert "no copy of the checkpoint at step 1" in capsys.readouterr().err


def test_a_protocol_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="Install the fsspec plugin"):
        RemoteFolder.at("nothing-like-this://x")
    with pytest.raises(UsageError, match="one of the two must be a URL"):
        copy("here", "there")
