from pathlib import Path

import numpy as np
import pytest

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.variables import FILE, Saved, SavedSnapshot, read_weights, write_weights

ARRAYS = {"wide8/wide": np.arange(4, dtype=np.float32), "tower:updates": np.array(3.0, np.float32)}
SAVED = Saved(ARRAYS, 17, [{"name": "wide8"}])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_weights(tmp_path, SAVED)
    read = read_weights(tmp_path)
    assert (read.steps, read.layout) == (17, [{"name": "wide8"}])
    assert {name: array.tolist() for name, array in read.arrays.items()} == {
        "wide8/wide": [0.0, 1.0, 2.0, 3.0],
        "tower:updates": 3.0,
    }


def test_no_other_file_is_left(tmp_path: Path) -> None:
    write_weights(tmp_path, SAVED)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    write_weights(tmp_path, SAVED)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=f"{path} is damaged"):
        read_weights(tmp_path)


def test_a_flipped_bit_is_found_and_named(tmp_path: Path) -> None:
    write_weights(tmp_path, SAVED)
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"wide8/wide does not match its checksum|tower:updates does not match"):
        read_weights(tmp_path)


def test_a_variable_of_another_shape_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"wide8/wide is \(4,\) in it, \(5,\) here"):
        SAVED.check_fits({"wide8/wide": (5,), "tower:updates": ()})


def test_a_variable_too_many_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"tower:updates is \(\) in it, None here"):
        SAVED.check_fits({"wide8/wide": (4,)})


ROWS = np.arange(14, dtype=np.float32).reshape(7, 2)


def write_dealt(folder: Path, ranks: int, steps: int = 5) -> None:
    """A model of seven rows whose ranks have written their parts, as they do."""
    for rank in range(ranks):
        arrays = {"wide1/deep": ROWS[rank::ranks], "tower": np.full(3, 9.0, np.float32)}
        written = SavedSnapshot(Saved(arrays, steps, []), rank, ranks).write(folder)
        assert [path.parent for path in written.files] == [folder]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("part", [slice(None), slice(0, None, 2), slice(1, None, 2), slice(2, None, 3)], ids=str)
def test_rows_are_read_however_they_were_dealt(tmp_path: Path, ranks: int, part: slice) -> None:
    write_dealt(tmp_path, ranks)
    read = read_weights(tmp_path, part)
    assert read.arrays["wide1/deep"].tolist() == ROWS[part].tolist()
    assert read.arrays["tower"].tolist() == [9.0, 9.0, 9.0]
    read.check_fits({"wide1/deep": (7, 2), "tower": (3,)})


def test_a_table_of_one_row_more_does_not_fit_any_rank(tmp_path: Path) -> None:
    write_dealt(tmp_path, 2)
    for rank in (0, 1):
        with pytest.raises(CheckpointError, match=r"wide1/deep is \(7, 2\) in it, \(8, 2\) here"):
            read_weights(tmp_path, slice(rank, None, 2)).check_fits({"wide1/deep": (8, 2), "tower": (3,)})


def test_rows_of_a_rank_that_are_missing_are_named(tmp_path: Path) -> None:
    write_dealt(tmp_path, 3)
    (tmp_path / "model-002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"holds no model-002\.safetensors: a part of the rows is lost"):
        read_weights(tmp_path)


def test_rows_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    write_dealt(tmp_path, 2)
    stale = (tmp_path / "model-001.safetensors").read_bytes()
    write_dealt(tmp_path, 2, steps=6)
    (tmp_path / "model-001.safetensors").write_bytes(stale)
    with pytest.raises(CheckpointError, match=r"model-001\.safetensors is not part 1 of 2 of a model of 6 steps"):
        read_weights(tmp_path)
