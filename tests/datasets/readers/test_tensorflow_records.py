"""Our reading of TFRecord files against TensorFlow's writing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.datasets.readers import tfrecord
from wideload.datasets.readers.layout import load_layout
from wideload.datasets.text.blocks import Position

LAYOUT = """
format = "tfrecord"
[label]
column = "y"
[[field]]
name = "x"
kind = "number"
[[field]]
name = "ids"
kind = "integer"
multi_valued = true
[[field]]
name = "word"
"""


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_files_that_tensorflow_writes_are_read_value_for_value(tmp_path: Path, compression: str) -> None:
    tf = pytest.importorskip("tensorflow")
    path = tmp_path / ("log.tfrecord.gz" if compression else "log.tfrecord")
    wanted = [
        {"label": float(n % 2), "x": n / 4, "ids": [n, -n, 2**62][: n % 4], "word": f"wörd {n}"} for n in range(100)
    ]
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for row in wanted:
            features = {
                "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(row["label"])])),
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[row["x"]])),
                "ids": tf.train.Feature(int64_list=tf.train.Int64List(value=row["ids"])),
                "word": tf.train.Feature(bytes_list=tf.train.BytesList(value=[row["word"].encode()])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    (tmp_path / "layout.toml").write_text(LAYOUT)
    layout = load_layout(tmp_path / "layout.toml")
    found = [row for block in tfrecord.read(str(path), layout, Position()) for row in block.table.to_pylist()]
    assert found == wanted
