"""Preparing files: every row is accounted for, runs are resumable, rows are split as requested."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from wideload.datasets import load
from wideload.datasets.contract import Plan
from wideload.datasets.prepare import fit
from wideload.datasets.prepare.prepare import Progress, Request, prepare
from wideload.datasets.prepare.splitting import SplitRule
from wideload.datasets.prepared import shard
from wideload.datasets.prepared.manifest import Manifest
from wideload.datasets.rejects import BadRows
from wideload.datasets.text import blocks
from wideload.errors import DataError, UnknownNameError, UsageError

LAYOUT = """
header = false
time = 3
[label]
column = 0
[[field]]
name = "user"
column = 1
kind = "id"
[[field]]
name = "word"
column = 2
"""


def write(tmp_path: Path, lines: list[str]) -> Path:
    (tmp_path / "layout.toml").write_text(LAYOUT)
    file = tmp_path / "log.csv"
    file.write_text("".join(line + "\n" for line in lines))
    return file


def request(tmp_path: Path, **changes: object) -> Request:
    values = {"reader": "custom", "options": {"layout": str(tmp_path / "layout.toml")}, "rows_per_group": 64} | changes
    return Request(**values)  # type: ignore[arg-type]


def rows(folder: Path, split: str = "train") -> list[dict]:
    dataset = load(f"shards[path={folder}]")
    return [row for batch in dataset.stream(split, Plan(100)) for row in batch.to_pylist()]  # type: ignore[arg-type]


def good(count: int) -> list[str]:
    return [f"{n % 2},{n % 50},w{n % 7},{1000 + n}" for n in range(count)]


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_rows_arrive_in_order_and_complete(tmp_path: Path) -> None:
    file = write(tmp_path, good(1000))
    manifest = prepare(request(tmp_path, split=SplitRule(by="none")), str(file), tmp_path / "out")
    assert manifest.provenance.rows_in == manifest.provenance.rows_out == 1000
    assert [row["user"] for row in rows(tmp_path / "out")] == [n % 50 for n in range(1000)]


def test_fields_are_fitted_on_the_training_split(tmp_path: Path) -> None:
    lines = [*good(900), *(f"1,{60 + n},only-in-test,{5000 + n}" for n in range(100))]
    prepare(request(tmp_path), str(write(tmp_path, lines)), tmp_path / "out")
    schema = load(f"shards[path={tmp_path / 'out'}]").schema()
    assert schema.field("word").vocabulary == tuple(f"w{n}" for n in range(7))
    assert schema.field("user").cardinality == 160  # counted over all splits: a larger id would not fit a table
    assert {row["word"] for row in rows(tmp_path / "out", "test")} == {None}


def test_a_vocabulary_beyond_the_limit_is_left_out(tmp_path: Path) -> None:
    file = write(tmp_path, good(100))
    prepare(request(tmp_path, vocabulary_limit=6, split=SplitRule(by="none")), str(file), tmp_path / "out")
    assert load(f"shards[path={tmp_path / 'out'}]").schema().field("word").vocabulary is None
    assert rows(tmp_path / "out")[3]["word"] == "w3"


def test_a_vocabulary_of_too_many_bytes_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "LARGEST", 13)  # seven words of two letters
    file = write(tmp_path, good(100))
    prepare(request(tmp_path, split=SplitRule(by="none")), str(file), tmp_path / "out")
    assert load(f"shards[path={tmp_path / 'out'}]").schema().field("word").vocabulary is None


@pytest.mark.parametrize("few", [0, 2**22])
def test_a_vocabulary_is_ordered_by_count_and_then_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """The order does not depend on how often counts are merged."""
    monkeypatch.setattr(fit, "_FEW", few)
    words = [f"w{n % 40 % 23}é" for n in range(2000)] + ["rare", "😀", "￮", "W"]
    file = write(tmp_path, [f"0,1,{word},{n}" for n, word in enumerate(words)])
    prepare(request(tmp_path, split=SplitRule(by="none")), str(file), tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "vocabulary" / "word.parquet").to_pydict()
    expected = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0].encode()))
    assert list(zip(found["value"], found["count"], strict=True)) == expected


def test_a_row_group_of_long_rows_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "BYTES_PER_GROUP", 2**20)
    file = write(tmp_path, [f"{n % 2},{n},{'long ' * 2000}{n},1" for n in range(400)])
    manifest = prepare(
        request(tmp_path, rows_per_group=16_384, split=SplitRule(by="none")), str(file), tmp_path / "out"
    )
    groups = [group.rows for entry in manifest.splits["train"] for group in entry.groups]
    assert sum(groups) == 400
    assert max(groups) < 230  # of 10 kB each, in blocks of 1 MiB
    assert sorted(row["user"] for row in rows(tmp_path / "out")) == list(range(400))


BAD = ["1,x,w,1", "1,2,w", "3,2,w,1", ",2,w,1"]


def test_the_policy_error_names_file_line_and_reason(tmp_path: Path) -> None:
    file = write(tmp_path, [*good(10), BAD[0]])
    with pytest.raises(DataError, match=r"log\.csv:11: column 1: not an integer"):
        prepare(request(tmp_path), str(file), tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_skipped_rows_are_counted_and_shown_in_a_side_file(tmp_path: Path) -> None:
    file = write(tmp_path, [*good(10), *BAD, *good(10)])
    manifest = prepare(request(tmp_path, bad_rows=BadRows(policy="skip")), str(file), tmp_path / "out")
    origin = manifest.provenance
    assert (origin.rows_in, origin.rows_out, origin.rejected) == (24, 20, 4)
    assert sum(origin.reasons.values()) == 4
    shown = [json.loads(line) for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert [(one["line"], one["text"]) for one in shown] == list(zip(range(11, 15), BAD, strict=True))


def test_only_the_first_rejected_rows_are_shown(tmp_path: Path) -> None:
    file = write(tmp_path, BAD * 10 + good(2))
    manifest = prepare(request(tmp_path, bad_rows=BadRows(policy="skip", keep=3)), str(file), tmp_path / "out")
    assert manifest.provenance.rejected == 40
    assert len((tmp_path / "out" / "rejected.jsonl").read_text().splitlines()) == 3


def test_skipping_stops_at_the_limit(tmp_path: Path) -> None:
    file = write(tmp_path, BAD * 10)
    with pytest.raises(DataError, match="more than 5 bad rows"):
        prepare(request(tmp_path, bad_rows=BadRows(policy="skip", limit=5)), str(file), tmp_path / "out")


def test_an_empty_file_is_an_error_or_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, good(5))
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.csv is empty"):
        prepare(request(tmp_path), str(tmp_path), tmp_path / "out")
    skip = BadRows(policy="skip")
    assert prepare(request(tmp_path, bad_rows=skip), str(tmp_path), tmp_path / "out").provenance.rows_out == 5


def test_a_split_by_time_tests_on_what_comes_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"1,1,w,{time_}" for time_ in rng.permutation(1000)]
    rule = SplitRule(by="time", validation=0.2, test=0.1)
    prepare(request(tmp_path, split=rule), str(write(tmp_path, lines)), tmp_path / "out")
    sizes = {split: load(f"shards[path={tmp_path / 'out'}]").size(split) for split in ("train", "validation", "test")}  # type: ignore[arg-type]
    assert sizes == {"train": 700, "validation": 200, "test": 100}


def test_a_split_by_hash_keeps_rows_of_one_key_together(tmp_path: Path) -> None:
    rule = SplitRule(by="hash", key=("user",), validation=0.2, test=0.2)
    prepare(request(tmp_path, split=rule), str(write(tmp_path, good(2000))), tmp_path / "out")
    users = [{row["user"] for row in rows(tmp_path / "out", split)} for split in ("train", "validation", "test")]
    assert all(users)
    assert sum(map(len, users)) == len(set.union(*users)) == 50


def test_a_split_by_row_hash_has_about_the_shares_asked_for(tmp_path: Path) -> None:
    rule = SplitRule(by="hash", validation=0.1, test=0.3)
    manifest = prepare(request(tmp_path, split=rule), str(write(tmp_path, good(5000))), tmp_path / "out")
    assert manifest.rows("validation") == pytest.approx(500, abs=75)
    assert manifest.rows("test") == pytest.approx(1500, abs=120)


def test_a_given_split_of_an_unknown_name_is_a_bad_row_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "layout.toml").write_text(LAYOUT.replace("time = 3", "split = 3"))
    (tmp_path / "log.csv").write_text("1,1,w,train\n0,1,w,Valid\n1,1,w,other\n1,1,w,TEST\n")
    manifest = prepare(request(tmp_path, bad_rows=BadRows(policy="skip")), str(tmp_path / "log.csv"), tmp_path / "out")
    assert {split: manifest.rows(split) for split in manifest.splits} == {"train": 1, "validation": 1, "test": 1}
    with pytest.raises(DataError, match=r"log\.csv:3: the split is none of train, validation, test: 'other'"):
        prepare(request(tmp_path), str(tmp_path / "log.csv"), tmp_path / "again")


def test_a_rule_that_the_source_does_not_allow_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, good(5))
    with pytest.raises(UsageError, match="no given to split by"):
        prepare(request(tmp_path, split=SplitRule(by="given")), str(file), tmp_path / "out")
    with pytest.raises(UsageError, match="no field 'usr'"):
        prepare(request(tmp_path, split=SplitRule(by="hash", key=("usr",))), str(file), tmp_path / "out")


def test_unknown_options_of_a_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'positive_from'"):
        prepare(Request(reader="movielens", options={"positive_form": "3"}), "nowhere", tmp_path / "out")


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, good(100))
    first = prepare(request(tmp_path), str(file), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert prepare(request(tmp_path), str(file), tmp_path / "out") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}.items() <= before.items()


def test_a_folder_with_other_data_is_not_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path, good(100))
    prepare(request(tmp_path), str(file), tmp_path / "out")
    file.write_text("1,1,w,1\n")
    with pytest.raises(UsageError, match="other sources"):
        prepare(request(tmp_path), str(file), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match="already holds Parquet files"):
        prepare(request(tmp_path), str(file), tmp_path / "mine")


class KillError(Exception):
    """Simulates a kill."""


@pytest.mark.parametrize("after", [1, 3, 5, 8])
def test_an_interrupted_run_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    small = functools.partial(blocks.blocks, block=4096, longest=4096)
    monkeypatch.setattr("wideload.datasets.readers.delimited.blocks", small)
    file = write(tmp_path, [*good(1500), *BAD, *['1,7,"two\nlines",5'] * 300, *good(500)])
    asked = request(tmp_path, rows_per_shard=300, bad_rows=BadRows(policy="skip"), split=SplitRule(by="hash"))
    prepare(asked, str(file), tmp_path / "clean")

    calls = 0

    def stop(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise KillError

    with pytest.raises(KillError):
        prepare(asked, str(file), tmp_path / "out", stop)
    resumed = prepare(asked, str(file), tmp_path / "out")
    assert digests(tmp_path / "out") == digests(tmp_path / "clean")
    assert len(resumed.splits["train"]) > 3


SCRIPT = """
import sys
from pathlib import Path
from wideload.datasets.prepare.prepare import Request, prepare
show = lambda progress: print(progress.rows, flush=True)
prepare(Request(reader="criteo", rows_per_shard=4000), sys.argv[1], Path(sys.argv[2]), show)
"""


@pytest.mark.parametrize("shards_before", [0, 2])
def test_a_killed_process_leaves_what_another_completes_to_the_same_bytes(
    tmp_path: Path, criteo_lines: Callable[..., bytes], shards_before: int
) -> None:
    file = tmp_path / "day_0"
    file.write_bytes(criteo_lines(5000) * 6)
    prepare(Request(reader="criteo", rows_per_shard=4000), str(file), tmp_path / "clean")

    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(file), str(out)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        deadline = time.monotonic() + 30
        while len(list(out.glob("train-*.parquet"))) < shards_before and time.monotonic() < deadline:
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert not (out / "manifest.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in sorted(out.glob("train-*.parquet"))[: max(0, shards_before - 1)]}
    prepare(Request(reader="criteo", rows_per_shard=4000), str(file), out)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # what was finished is not written again
    clean, found = digests(tmp_path / "clean"), digests(out)
    found.pop(".lock", None)
    assert found == clean


def test_two_processes_do_not_write_to_one_folder(tmp_path: Path) -> None:
    from wideload.datasets.prepare.folder import exclusive

    (tmp_path / "out").mkdir()
    with exclusive(tmp_path / "out"), pytest.raises(UsageError, match="another process is writing"):
        prepare(request(tmp_path), str(write(tmp_path, good(5))), tmp_path / "out")


def test_progress_reports_rows_and_bytes(tmp_path: Path) -> None:
    file = write(tmp_path, good(100))
    seen: list[Progress] = []
    prepare(request(tmp_path, split=SplitRule(by="none")), str(file), tmp_path / "out", seen.append)
    assert seen[0] == Progress("reading", 100, file.stat().st_size, file.stat().st_size)


def test_numeric_shards_are_plain_parquet_for_everyone(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> None:
    (tmp_path / "day_0").write_bytes(criteo_lines(100))
    prepare(Request(reader="criteo", split=SplitRule(by="none")), str(tmp_path / "day_0"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "train-00000.parquet")
    assert (table.num_rows, table.num_columns) == (100, 40)
    assert table["C1"].type == "int64"


def test_missing_numbers_are_null_in_a_batch_and_count_for_no_mean(
    tmp_path: Path, criteo_lines: Callable[..., bytes]
) -> None:
    (tmp_path / "day_0").write_bytes(criteo_lines(200))
    prepare(Request(reader="criteo", split=SplitRule(by="none")), str(tmp_path / "day_0"), tmp_path / "out")
    stored = pq.read_table(tmp_path / "out" / "train-00000.parquet")["I1"].to_pylist()
    mean = load(f"shards[path={tmp_path / 'out'}]").schema().field("I1").mean
    assert mean == pytest.approx(np.mean([value for value in stored if value is not None]))
    assert [row["I1"] for row in rows(tmp_path / "out")] == stored


def test_a_manifest_survives_a_round_trip(tmp_path: Path) -> None:
    manifest = prepare(request(tmp_path), str(write(tmp_path, good(100))), tmp_path / "out")
    assert Manifest.model_validate_json((tmp_path / "out" / "manifest.json").read_bytes()) == manifest
