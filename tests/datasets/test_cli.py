"""``wideload data``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideload.datasets import BUILT_IN
from wideload.datasets.cli import data
from wideload.datasets.readers import READERS
from wideload.errors import DataError, UnknownNameError


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def log(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> Path:
    file = tmp_path / "day_0"
    file.write_bytes(criteo_lines(200) + b"too\tshort\n")
    return file


def test_prepare_then_describe(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("prepare", "criteo", log, "--out", out, "--bad-rows", "skip", "--split", "none")
    assert "train 200; 201 rows in, 200 out, 1 rejected" in result.stdout
    assert "1 x 2 columns where 40 are expected" in result.stdout
    shown = run("describe", out).stdout
    assert "C26" in shown
    assert "201 rows in, 200 out, 1 rejected" in shown


def test_verify_reads_every_byte(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("prepare", "criteo", log, "--out", out, "--bad-rows", "skip", "--split", "none")
    assert "200 rows in 1 shards, undamaged" in run("verify", out).stdout
    shard = out / "train-00000.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"train-00000\.parquet is damaged"):
        run("verify", out)


def test_describe_gives_json_and_a_section_for_a_report(log: Path, tmp_path: Path) -> None:
    run("prepare", "criteo", log, "--out", tmp_path / "out", "--bad-rows", "skip")
    result = run("describe", tmp_path / "out", "--json", "--html", tmp_path / "section.html")
    assert json.loads(result.stdout)["rows_out"] == 200
    assert (tmp_path / "section.html").read_text().startswith("<section")


def test_progress_is_not_on_stdout(log: Path, tmp_path: Path) -> None:
    result = run("prepare", "criteo", log, "--out", tmp_path / "out", "--bad-rows", "skip")
    assert len(result.stdout.splitlines()) == 2


def test_list_names_all_data_sets_and_formats() -> None:
    text = run("list").stdout
    assert all(name in text for name in (*BUILT_IN, *READERS))
    assert set(json.loads(run("list", "--json").stdout)["formats"]) == set(READERS)


@pytest.mark.parametrize("command", [(), ("prepare",), ("describe",), ("verify",), ("list",)])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_every_command(command: tuple[str, ...], flag: str) -> None:
    assert run(*command, flag).stdout.startswith("Usage")


def test_options_of_a_format_are_key_value_pairs(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("u,m,r,t\n1,2,3.5,4\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n2,B,War\n")
    words = ("prepare", "movielens", tmp_path, "--out", tmp_path / "o")
    result = run(*words, "-o", "positive_from=3.5", "--split", "none")
    assert "train 1" in result.stdout
    assert run(*words, "-o", "nonsense").exit_code == 2


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'criteo'"):
        run("prepare", "critoe", tmp_path, "--out", tmp_path / "out")


def test_neither_importing_nor_listing_needs_tensorflow_or_mpi() -> None:
    code = (
        "import sys; from wideload.datasets.cli import data; data(['list'], standalone_mode=False); "
        "assert not {'tensorflow', 'mpi4py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
