"""A save that is killed at any moment leaves a checkpoint under its name, or one that is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.strategies.sparse_ps.keras import checkpoint


class KilledError(Exception):
    pass


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A complete checkpoint, with a new one next to it that has not got its name."""
    for name in ("model", "part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which").write_text(name)
    return tmp_path / "model"


def test_a_new_checkpoint_replaces_the_old_one(saved: Path) -> None:
    checkpoint._replace(saved, saved.with_name("part"))
    assert (saved / "which").read_text() == "part"
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("renames", [0, 1])
def test_a_save_that_is_killed_loses_nothing(saved: Path, renames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, left = Path.rename, [renames]

    def killing(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise KilledError
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killing)
        with pytest.raises(KilledError):
            checkpoint._replace(saved, saved.with_name("part"))
    checkpoint.recover(saved)
    assert (saved / "which").read_text() == "model"
    checkpoint._replace(saved, saved.with_name("part"))
    assert (saved / "which").read_text() == "part"


def test_a_checkpoint_is_on_the_disk_before_the_old_one_moves(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(checkpoint.files, "sync_tree", lambda part: seen.append((saved / "which").exists()))
    checkpoint._replace(saved, saved.with_name("part"))
    assert seen == [True]
