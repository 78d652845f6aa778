"""Names, publishing and retention of checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import CheckpointFolder, name_of
from wideload.harness.checkpoints.manifest import Manifest


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "checkpoints")


def publish(folder: CheckpointFolder, step: int, base: int | None = None) -> None:
    kind = "full" if base is None else "increment"
    partial = folder.begin(step)
    Manifest(step=step, kind=kind, base=None if base is None else name_of(base), strategy="s", ranks=1).write(partial)
    folder.publish(step)


def test_a_checkpoint_exists_once_it_is_published(folder: CheckpointFolder) -> None:
    Manifest(step=5, strategy="s", ranks=1).write(folder.begin(5))
    assert folder.names() == []
    folder.publish(5)
    assert folder.names() == ["step-000000000005"]


def test_only_the_last_ones_stay(folder: CheckpointFolder) -> None:
    for step in range(5):
        publish(folder, step)
    folder.keep_last(2)
    assert folder.names() == [name_of(3), name_of(4)]


def test_what_an_increment_builds_on_stays_too(folder: CheckpointFolder) -> None:
    publish(folder, 1)
    publish(folder, 2)
    publish(folder, 3, base=2)
    publish(folder, 4, base=3)
    folder.keep_last(1)
    assert folder.names() == [name_of(2), name_of(3), name_of(4)]
    assert folder.chain(name_of(4)) == [name_of(2), name_of(3), name_of(4)]


def test_an_increment_whose_base_is_gone_is_refused(folder: CheckpointFolder) -> None:
    publish(folder, 3, base=2)
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        folder.chain(name_of(3))


def test_an_increment_cannot_build_on_itself(folder: CheckpointFolder) -> None:
    publish(folder, 3, base=3)
    with pytest.raises(CheckpointError, match="without an older base"):
        folder.chain(name_of(3))


def test_what_a_killed_process_left_is_removed(folder: CheckpointFolder) -> None:
    (folder.begin(1) / "half").write_text("x")
    publish(folder, 2)
    assert [path.name for path in folder.root.iterdir()] == [name_of(2)]


def test_what_an_earlier_version_left_is_removed_too(folder: CheckpointFolder) -> None:
    (folder.root / ".partial-step-000000000001").mkdir(parents=True)
    publish(folder, 2)
    assert [path.name for path in folder.root.iterdir()] == [name_of(2)]


def test_a_step_that_is_reached_again_replaces_its_checkpoint(folder: CheckpointFolder) -> None:
    publish(folder, 2)
    (folder.path(name_of(2)) / "old").write_text("x")
    publish(folder, 2)
    assert not (folder.path(name_of(2)) / "old").exists()


def test_discarding_leaves_nothing(folder: CheckpointFolder) -> None:
    publish(folder, 1)
    folder.begin(2)
    folder.discard()
    assert list(folder.root.iterdir()) == []
