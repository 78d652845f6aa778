from pathlib import Path

import numpy as np
import pytest

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.variables import FILE, Saved, read_weights, write_weights

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
