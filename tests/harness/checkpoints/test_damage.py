"""Random bit flips and truncations anywhere in a checkpoint: each is found, with its file, and its block in rows.

``WIDELOAD_SOAK=1`` damages 10,000 times instead of 300.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from wideload.harness.checkpoints.folder import name_of
from wideload.harness.checkpoints.verify import verify


@pytest.fixture(scope="module")
def checkpoint(kit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(root, trainer), trainer, 4)
    return root / name_of(4)


def damage(content: bytes, luck: random.Random) -> bytes:
    if content and luck.random() < 0.2:
        return content[: luck.randrange(len(content))]
    at = luck.randrange(len(content) * 8)
    flipped = bytearray(content)
    flipped[at // 8] ^= 1 << at % 8
    return bytes(flipped)


def test_all_damage_is_found_and_named(kit: ModuleType, checkpoint: Path) -> None:
    seed = int(os.environ.get("WIDELOAD_SEED", random.SystemRandom().randrange(2**32)))
    print(f"WIDELOAD_SEED={seed}")  # noqa: T201
    luck = random.Random(seed)
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    rows = [path for path in files if path.suffix == ".rows"]
    others = [path for path in files if path.suffix != ".rows"]
    for _ in range(10_000 if kit.SOAK else 300):
        path = luck.choice(luck.choice([rows, others]))
        sound = path.read_bytes()
        path.write_bytes(damage(sound, luck))
        message = kit.refusal_of(lambda: verify(checkpoint))
        path.write_bytes(sound)
        assert str(path) in message
        if path.suffix == ".rows":
            assert re.search(r"block \d+|header|cut short", message), message
    assert verify(checkpoint).step == 4


def test_damaged_rows_are_refused_by_the_load_itself(kit: ModuleType, checkpoint: Path) -> None:
    luck = random.Random(5)
    for path in sorted((checkpoint / "model" / "table-t").glob("*.rows"))[:40]:
        sound = path.read_bytes()
        path.write_bytes(damage(sound, luck))
        trainer = kit.TableTrainer()
        assert path.name in kit.refusal_of(lambda trainer=trainer: trainer.restore(checkpoint / "model"))
        path.write_bytes(sound)


def test_a_missing_file_and_a_foreign_one_are_named(kit: ModuleType, checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    gone = next((copy / "model" / "table-t").glob("*.rows"))
    gone.unlink()
    (copy / "model" / "stranger").write_text("x")
    message = kit.refusal_of(lambda: verify(copy))
    assert f"{gone} is missing" in message
    assert "stranger does not belong" in message


def test_files_that_change_places_are_found(kit: ModuleType, checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    first, second = sorted((copy / "model" / "table-t").glob("*.rows"))[:2]
    first.rename(copy / "x")
    second.rename(first)
    (copy / "x").rename(second)
    message = kit.refusal_of(lambda: verify(copy))
    assert first.name in message
    assert second.name in message
