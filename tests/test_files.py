"""Files are there whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wideload import files


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was flushed to the disk, in order."""
    found: list[str] = []
    for function in ("sync", "sync_folder"):
        plain = getattr(files, function)
        monkeypatch.setattr(files, function, lambda path, plain=plain: (found.append(path.name), plain(path)))
    return found


def test_a_file_is_flushed_before_it_has_its_name_and_its_folder_afterwards(tmp_path: Path, synced: list[str]) -> None:
    place = tmp_path / "a.json"
    files.write(place, "{}")
    assert place.read_text() == "{}"
    assert synced == [files.partial_file(place).name, tmp_path.name]
    assert list(tmp_path.iterdir()) == [place]


def test_what_need_not_be_durable_waits_for_no_disk(tmp_path: Path, synced: list[str]) -> None:
    files.write(tmp_path / "a", b"x", durable=False)
    assert synced == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a"
    files.write(place, "old")

    def fail(_: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files, "sync", fail)
    with pytest.raises(OSError, match="no space left"):
        files.write(place, "new")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_unfinished_is_told_by_its_name(tmp_path: Path) -> None:
    place = tmp_path / "a"
    assert files.is_partial(files.partial_file(place))
    assert files.is_partial(files.partial_folder(place))
    assert not files.is_partial(place)


def test_a_folder_appears_when_all_of_it_is_written(tmp_path: Path) -> None:
    place = tmp_path / "model"
    files.partial_folder(place).mkdir()
    (files.partial_folder(place) / "left by a killed process").write_text("")
    with files.new_folder(place) as partial:
        (partial / "inside").mkdir()
        (partial / "inside" / "a").write_text("x")
        assert not place.exists()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "model",
        "model/inside",
        "model/inside/a",
    ]


def test_a_folder_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def broken_off() -> None:
        with files.new_folder(tmp_path / "model") as partial:
            (partial / "a").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_threads_that_write_the_same_file_leave_one_of_the_contents(tmp_path: Path) -> None:
    contents = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(len(contents)) as threads:
        list(threads.map(lambda content: files.write(tmp_path / "a", content), contents * 5))
    assert (tmp_path / "a").read_text() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
