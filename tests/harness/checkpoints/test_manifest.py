"""The manifest: one text, every flipped bit seen, no path out of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import NAME, Entry, Manifest, summed_up


def manifest(folder: Path) -> Manifest:
    (folder / "a").write_bytes(b"abc")
    return Manifest(
        step=7, strategy="s", ranks=2, fingerprints={"workload": "w"}, files=[summed_up(folder, folder / "a")]
    )


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    written = manifest(tmp_path)
    written.write(tmp_path)
    assert Manifest.read(tmp_path) == written


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    manifest(tmp_path).write(tmp_path)
    path = tmp_path / NAME
    sound = path.read_bytes()
    for bit in range(len(sound) * 8):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"MANIFEST\.json is damaged"):
            Manifest.read(tmp_path)


def test_any_cut_is_found(tmp_path: Path) -> None:
    manifest(tmp_path).write(tmp_path)
    path = tmp_path / NAME
    sound = path.read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        with pytest.raises(CheckpointError, match="damaged"):
            Manifest.read(tmp_path)


def test_a_folder_without_one_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a\\b", "./a", "a\0b", "MANIFEST.json"]
)
def test_paths_cannot_name_anything_outside(path: str) -> None:
    with pytest.raises(ValidationError):
        Entry(path=path, bytes=0, crc32=0)


def test_a_symbolic_link_cannot_lead_outside(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "secret")
    written = manifest(folder)
    with pytest.raises(CheckpointError, match="leads out"):
        written.place(folder, Entry(path="link", bytes=1, crc32=0))


@pytest.mark.parametrize("base", ["../step-000000000001", "step-1", "/step-000000000001"])
def test_a_base_is_a_checkpoint_in_the_same_folder(base: str) -> None:
    with pytest.raises(ValidationError):
        Manifest(step=1, kind="increment", base=base, strategy="s", ranks=1)
