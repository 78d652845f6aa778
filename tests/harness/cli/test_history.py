"""``wideload history`` in a git repository of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wideload.errors import UsageError
from wideload.harness.cli import cli
from wideload.harness.cli.history import commit_of


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    return tmp_path


def commit(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-01-{number + 1:02d}T00:00:00+00:00")
    git("commit", "-q", "--allow-empty", "-m", f"change {number}")


def wideload(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["history", *arguments], catch_exceptions=False)


def benchmark(path: Path, seconds: float) -> str:
    stats = {"min": seconds, "median": seconds, "iqr": 0.0, "rounds": 5}
    path.write_text(json.dumps({"benchmarks": [{"name": "f", "stats": stats}]}))
    return str(path)


def test_a_step_is_named_with_its_commit_in_the_terminal_and_drawn_on_the_page(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        commit(number, monkeypatch)
        slower = 1.2 if number >= 7 else 1.0
        answer = wideload("add", benchmark(repository / "b.json", slower * (1 + 0.01 * (number % 3))))
        assert answer.exit_code == 0
    changed = commit_of("HEAD~4").name[:10]
    answer = wideload("show", "-o", "history.html")
    assert answer.stdout.splitlines()[0] == "1 step in 1 series over 12 commits."
    assert f"step at {changed}: 1.20\u00d7, worse" in answer.stdout
    page = (repository / "history.html").read_text()
    assert page.count("<circle") == 12
    assert page.count('class="mark worse"') == 1
    assert "<script" not in page

    found: dict[str, Any] = json.loads(wideload("show", "--json").stdout)
    (series,) = found["series"]
    assert [change["commit"][:10] for change in series["changes"]] == [changed]
    assert len(series["points"]) == 12


def test_a_commit_may_be_named(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        commit(number, monkeypatch)
    wideload("add", benchmark(repository / "b.json", 1.0), "--commit", "HEAD~1", "--history", "h.parquet")
    (point,) = json.loads(wideload("show", "--json", "--history", "h.parquet").stdout)["series"][0]["points"]
    assert point[0] == commit_of("HEAD~1").name
    assert point[1] == "2026-01-01T00:00:00+00:00"


@pytest.mark.usefixtures("repository")
def test_what_names_no_commit_says_so() -> None:
    with pytest.raises(UsageError, match="nowhere names no commit here"):
        commit_of("nowhere")


@pytest.mark.usefixtures("repository")
def test_a_history_that_does_not_exist_says_how_to_make_one() -> None:
    with pytest.raises(UsageError, match="wideload history add RUN"):
        wideload("show")
