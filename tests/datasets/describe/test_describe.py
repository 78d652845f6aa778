"""`describe` reports what is known about generated data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wideload.datasets.describe.describe import FieldSummary, describe
from wideload.datasets.describe.html import section
from wideload.datasets.prepare.sketch import SMALLEST, Distinct, Frequencies
from wideload.datasets.prepared.manifest import FieldEntry, Manifest
from wideload.datasets.prepared.shard import ShardWriter
from wideload.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """1,000 rows: the category changes half-way, every fourth number is missing, lists grow from 0 to 3."""
    count = 1000
    columns = {
        "label": pa.array([float(n % 4 == 0) for n in range(count)], pa.float32()),
        "x": pa.array([None if n % 4 == 3 else float(n) for n in range(count)], pa.float32()),
        "c": pa.array(["<b>old</b>" if n < 500 else "new" for n in range(count)]),
        "l": pa.array([list(range(n % 4)) for n in range(count)], pa.list_(pa.int64())),
    }
    table = pa.table(columns)
    with ShardWriter(tmp_path / "train-00000.parquet", table.schema, 64) as writer:
        writer.write(table)
        entry = writer.close()
    fields = (
        FieldEntry(name="x", kind="numeric"),
        FieldEntry(name="c", kind="categorical", text=True),
        FieldEntry(name="l", kind="categorical", multi_valued=True, ids=True, cardinality=3),
    )
    Manifest(label="label", fields=fields, splits={"train": (entry,)}).save(tmp_path)
    return tmp_path


def fields(folder: Path) -> dict[str, FieldSummary]:
    return {field.name: field for field in describe(folder).fields}


def test_rows_and_label_rates_by_split(folder: Path) -> None:
    (split,) = describe(folder).splits
    assert (split.name, split.rows, split.label_rate, split.shards) == ("train", 1000, 0.25, 1)
    assert split.bytes == (folder / "train-00000.parquet").stat().st_size


def test_numbers_have_a_range_moments_and_missing_values(folder: Path) -> None:
    there = np.array([n for n in range(1000) if n % 4 != 3])
    x = fields(folder)["x"]
    assert (x.missing, x.low, x.high) == (0.25, 0.0, 998.0)
    assert x.mean == pytest.approx(there.mean())
    assert x.std == pytest.approx(there.std())


def test_categories_have_a_cardinality_and_top_values(folder: Path) -> None:
    c = fields(folder)["c"]
    assert (c.distinct, c.exact) == (2, True)
    assert c.top == (("<b>old</b>", 0.5), ("new", 0.5))


def test_lists_have_lengths(folder: Path) -> None:
    found = fields(folder)["l"]
    assert found.lengths == (0, 1.5, 3)
    assert found.missing == 0.25
    assert found.top[0] == ("0", 0.5)


def test_drift_is_seen_between_the_first_and_the_last_tenth(folder: Path) -> None:
    found = fields(folder)
    assert (found["c"].drift, found["c"].unseen) == (1.0, 1.0)
    assert found["x"].drift == pytest.approx(900 / found["x"].std, rel=0.01)  # type: ignore[operator]
    assert found["l"].drift < 0.05


def test_text_of_the_data_is_escaped_in_html(folder: Path) -> None:
    html = section(describe(folder))
    assert "&lt;b&gt;old&lt;/b&gt;" in html
    assert "<b>" not in html


def test_a_damaged_shard_is_an_error_with_its_name(folder: Path) -> None:
    path = folder / "train-00000.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        describe(folder)


def test_cardinalities_are_estimated_beyond_the_sketch() -> None:
    for distinct, exact in ((1000, True), (200_000, False)):
        sketch = Distinct()
        for block in np.array_split(np.repeat(np.arange(distinct), 2), 7):
            sketch.add(pa.array(block))
        assert sketch.exact == exact
        assert sketch.estimate == pytest.approx(distinct, rel=0.0 if exact else 4 / np.sqrt(SMALLEST))


def test_frequencies_keep_the_frequent_values_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wideload.datasets.prepare.sketch.COUNTED", 100)
    frequencies = Frequencies()
    for begin in range(0, 5000, 50):
        frequencies.add(pa.array([*range(begin, begin + 50), *[-1] * 20]))
    assert frequencies.forgot
    assert len(frequencies.counts) <= 100
    assert frequencies.counts.most_common(1) == [(-1, 2000)]


def test_describing_reads_one_column_of_one_row_group_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    sizes = []
    original: Callable[..., pa.Table] = pq.ParquetFile.read_row_group

    def watched(self: object, group: int, columns: list[str], **rest: object) -> pa.Table:
        table = original(self, group, columns=columns, **rest)
        sizes.append((table.num_rows, table.num_columns))
        return table

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    describe(folder)
    assert max(sizes) == (64, 1)
