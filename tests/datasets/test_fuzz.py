"""Mutated files: no reader crashes, and every row is accounted for.

A normal run tries a few files; WIDELOAD_FUZZ_EXAMPLES=1500 tries that many for each of the seven formats.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wideload.datasets.prepare.prepare import Request, prepare
from wideload.datasets.rejects import BadRows
from wideload.errors import WideloadError

EXAMPLES = int(os.environ.get("WIDELOAD_FUZZ_EXAMPLES", "25"))

_CSV = 'format = "csv"\nmissing = ["NA"]\ntime = "t"\n[label]\ncolumn = "y"\n' + "".join(
    f'[[field]]\nname = "{name}"\nkind = "{kind}"\n{extra}'
    for name, kind, extra in (
        ("a", "number", ""),
        ("b", "id", ""),
        ("c", "hex", ""),
        ("d", "text", ""),
        ("e", "integer", 'separator = "|"\n'),
    )
)
_COMMON = '[label]\ncolumn = "y"\n[[field]]\nname = "a"\nkind = "number"\n[[field]]\nname = "b"\nkind = "id"\n'

INTERESTING = [
    b"\n", b"\r\n", b"\r", b",", b"\t", b"::", b'"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"nan", b"-", b"1e999",
    b"99999999999999999999", b"|", b"\n\n\n", b"a" * 300, b",,,,,,,", "é\u2028".encode(),
]  # fmt: skip


def _files(criteo: bytes, tfrecords: Callable[..., bytes], folder: Path) -> dict[str, tuple[str, bytes, str | None]]:
    """Reader, content and layout by file name."""
    table = pa.table({"y": [0, 1] * 20, "a": [0.5] * 40, "b": range(40)})
    pq.write_table(table, folder / "valid.parquet", row_group_size=16)
    records = tfrecords([{"y": [n % 2], "a": [n / 2], "b": [n]} for n in range(20)])
    rows = "".join(f'{n % 2},{n}.5,{n},{n:08x},"w\n {n}",1|{n},{n}\n' for n in range(30))
    lines = "".join(f"{n % 2} {n}:1 {n + 1}:0.5\n" for n in range(30))
    return {
        "day_0": ("criteo", criteo, None),
        "rows.csv": ("custom", b"y,a,b,c,d,e,t\n" + rows.encode(), _CSV),
        "ratings.dat": ("movielens", b"".join(b"%d::%d::4::%d\n" % (n, n, n) for n in range(30)), None),
        "rows.parquet": ("custom", (folder / "valid.parquet").read_bytes(), 'format = "parquet"\n' + _COMMON),
        "rows.tfrecord": ("custom", records, 'format = "tfrecord"\n' + _COMMON),
        "rows.libsvm": ("custom", lines.encode(), 'format = "libsvm"\n[label]\ncolumn = 0\n'),
        "rows.csv.gz": ("custom", gzip.compress(b"y,a,b,c,d,e,t\n" + rows.encode(), mtime=0), _CSV),
    }


def _mutated(content: bytes, data: st.DataObject) -> bytes:
    """A few bytes changed, cut out, repeated or put in."""
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        how = data.draw(st.sampled_from(("flip", "cut", "insert", "repeat", "truncate")))
        length = data.draw(st.integers(1, 40))
        if how == "flip" and content:
            content = (
                content[:place] + bytes([content[place] ^ (1 << data.draw(st.integers(0, 7)))]) + content[place + 1 :]
            )
        elif how == "cut":
            content = content[:place] + content[place + length :]
        elif how == "insert":
            content = content[:place] + data.draw(st.sampled_from(INTERESTING)) + content[place:]
        elif how == "repeat":
            content = content[:place] + content[place : place + length] * 3 + content[place:]
        elif how == "truncate":
            content = content[:place]
    return content


NAMES = ("day_0", "rows.csv", "ratings.dat", "rows.parquet", "rows.tfrecord", "rows.libsvm", "rows.csv.gz")


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_mutated_file_crashes_no_reader_and_loses_no_row(
    name: str,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
    criteo_lines: Callable[..., bytes],
    tfrecords: Callable[..., bytes],
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    reader, content, layout = _files(criteo_lines(30), tfrecords, folder)[name]
    for other in ("movies.dat", "users.dat"):
        (folder / other).write_text("1::A::Drama\n" if other == "movies.dat" else "1::M::1::1::1\n")
    mutated = _mutated(content, data)
    (folder / name).write_bytes(mutated)
    options = {}
    if layout is not None:
        (folder / "layout.toml").write_text(layout)
        options = {"layout": str(folder / "layout.toml")}
    asked = Request(reader=reader, options=options, bad_rows=BadRows(policy="skip"))
    try:
        manifest = prepare(asked, str(folder / name), folder / "out")
    except WideloadError:
        return
    origin = manifest.provenance
    assert origin.rows_in == origin.rows_out + origin.rejected
    assert sum(manifest.rows(split) for split in manifest.splits) == origin.rows_out
    assert origin.rejected == sum(origin.reasons.values())
    if name in ("day_0", "ratings.dat", "rows.libsvm") and b"#" not in mutated:
        assert origin.rows_in + origin.blank_lines == _lines(mutated)


def _lines(content: bytes) -> int:
    """Lines of a file without a header."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
