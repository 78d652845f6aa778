"""Rows out of a checkpoint and back: Parquet, SQLite, PostgreSQL; compaction, differences, fewer bits."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest

from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.folder import name_of
from wideload.harness.checkpoints.manifest import MODEL
from wideload.harness.checkpoints.tables.diff import diff
from wideload.harness.checkpoints.tables.exchange import export_to, import_from
from wideload.harness.checkpoints.tables.parquet import write_packed
from wideload.harness.checkpoints.tables.rewrite import compact, reader_of
from wideload.harness.checkpoints.verify import verify


@pytest.fixture(scope="module")
def checkpoints(kit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full checkpoint after step 1, increments after 2, 3 and 4."""
    root = tmp_path_factory.mktemp("checkpoints")
    trainer = kit.TableTrainer()
    kit.train_and_keep(kit.make_checkpointer(root, trainer, full_every=9), trainer, 4)
    return root


def content(kit: ModuleType, checkpoint: Path) -> list[bytes]:
    verify(checkpoint)
    trainer = kit.TableTrainer()
    trainer.restore(checkpoint / MODEL)
    return trainer.content()


def test_a_compacted_increment_has_the_bytes_of_a_full_checkpoint(
    kit: ModuleType, checkpoints: Path, tmp_path: Path
) -> None:
    compact(checkpoints / name_of(4), tmp_path / "full")
    trainer = kit.TableTrainer()
    for _ in range(4):
        trainer.advance()
    kit.make_checkpointer(tmp_path / "straight", trainer).take(4, kit.progress_after(4).writer(0))
    written = {path.name: path.read_bytes() for path in (tmp_path / "full").rglob("*.rows")}
    straight = {path.name: path.read_bytes() for path in (tmp_path / "straight").rglob("*.rows")}
    assert written == straight


def test_nothing_is_overwritten(checkpoints: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        compact(checkpoints / name_of(4), tmp_path)


@pytest.mark.parametrize("target", ["folder", "sqlite:rows.db"])
def test_exported_rows_come_back_exactly(
    kit: ModuleType, checkpoints: Path, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = export_to(checkpoints / name_of(4), target)
    assert rows == {"t": 311}
    import_from(target, checkpoints / name_of(4), tmp_path / "back")
    assert content(kit, tmp_path / "back") == kit.straight(4)


def test_a_database_that_has_tables_already_is_left_alone(checkpoints: Path, tmp_path: Path) -> None:
    target = f"sqlite:{tmp_path / 'rows.db'}"
    export_to(checkpoints / name_of(4), target)
    with pytest.raises(CheckpointError, match="the database reports an error"):
        export_to(checkpoints / name_of(4), target)


def test_an_empty_database_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wideload_tables"):
        import_from(f"sqlite:{tmp_path / 'none.db'}", checkpoints / name_of(4), tmp_path / "back")


def test_a_difference_is_counted_row_by_row(checkpoints: Path) -> None:
    (found,) = diff(checkpoints / name_of(3), checkpoints / name_of(4))
    # Step 4 pushes 200 rows, 163 of which step 3 had pushed too.
    assert (found.added, found.removed, found.changed, found.equal) == (37, 0, 163, 111)
    assert found.largest > 0
    (same,) = diff(checkpoints / name_of(4), checkpoints / name_of(4))
    assert not same.any


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 0.0), ("fp16", 2**-11), ("bf16", 2**-8), ("int8", 1 / 254)])
def test_the_error_of_fewer_bits_is_measured_and_bounded(
    checkpoints: Path, tmp_path: Path, precision: str, bound: float
) -> None:
    reader = reader_of(checkpoints / name_of(4))
    (one,) = write_packed(reader, tmp_path, precision)  # type: ignore[arg-type]
    largest = max(abs(rows.floats[:, :4]).max() for _, rows in reader.shards(reader.forms()[0]))
    assert one.rows == 311
    assert 0 <= one.largest_error <= bound * largest * 1.0001
    assert (one.largest_error > 0) == (precision != "fp32")
    assert pq.read_table(one.path).num_rows == 311


def test_a_table_of_few_rows_is_one_row_group(checkpoints: Path, tmp_path: Path) -> None:
    """However many logical shards they come from; a group each would be larger than its rows."""
    reader = reader_of(checkpoints / name_of(4))
    sizes = {}
    for precision in ("fp32", "int8"):
        (one,) = write_packed(reader, tmp_path / precision, precision)  # type: ignore[arg-type]
        assert pq.read_metadata(one.path).num_row_groups == 1
        sizes[precision] = one.path.stat().st_size
    assert sizes["int8"] < sizes["fp32"]


def test_rows_below_the_threshold_are_dropped(checkpoints: Path, tmp_path: Path) -> None:
    reader = reader_of(checkpoints / name_of(4))
    (one,) = write_packed(reader, tmp_path, "fp32", threshold=0.04)
    kept = sum(int((abs(rows.floats[:, :4]).max(axis=1) >= 0.04).sum()) for _, rows in reader.shards(reader.forms()[0]))
    assert (one.rows, one.dropped) == (kept, 311 - kept)
    assert one.dropped > 0


@pytest.mark.postgres
def test_rows_come_back_from_a_postgresql_server_exactly(
    kit: ModuleType, checkpoints: Path, tmp_path: Path, postgresql: str
) -> None:
    assert export_to(checkpoints / name_of(4), postgresql) == {"t": 311}
    import_from(postgresql, checkpoints / name_of(4), tmp_path / "back")
    assert content(kit, tmp_path / "back") == kit.straight(4)
