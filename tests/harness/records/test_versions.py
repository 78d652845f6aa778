"""Run folders of other schema versions. ``version_1/`` was written by the last code whose records had version 1."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import wideload
from wideload.errors import DataError
from wideload.harness.cli import cli, main
from wideload.harness.experiment.experiment import load
from wideload.harness.records.results import FlagKind, NotJudged, Results, RunRecord
from wideload.harness.records.store import CaseRecords, Store

VERSION_1 = Path(__file__).parent / "version_1"


def read(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (VERSION_1 / name).read_text().splitlines()]


def test_every_value_of_a_version_1_run_is_read() -> None:
    results = Results.read(VERSION_1)
    assert results.warnings == ()
    for old, run in zip(read("runs.jsonl"), results.runs, strict=True):
        new = run.model_dump(mode="json")
        renamed = {"background_cores": old.pop("foreign_cores"), "schema_version": 2}
        assert all(new[key] == value for key, value in (old | renamed).items() if key != "flagged")


def test_flags_of_version_1_get_their_kinds() -> None:
    (flagged,) = (run.flagged for run in Results.read(VERSION_1).runs if run.flagged)
    assert [(flag.kind, flag.text) for flag in flagged] == [
        (FlagKind.BACKGROUND_LOAD, "background CPU load: 0.31 cores"),
        (FlagKind.UNCLEAN_EXIT, "rank 1 did not exit cleanly: SIGKILL"),
    ]


def test_reasons_of_version_1_get_their_kinds() -> None:
    checks = Results.read(VERSION_1).checks
    assert [(check.reason, check.not_judged) for check in checks if check.verdict == "not run"] == [
        ("not synchronous: its losses are meant to differ", NotJudged.ASYNCHRONOUS),
        ("crashed: rank 1 was ended by SIGKILL after step 3", NotJudged.NOT_OK),
    ]
    assert {check.not_judged for check in checks if check.verdict != "not run"} == {None}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("not synchronous: its losses are meant to differ", NotJudged.ASYNCHRONOUS),
        ("no reference: it was not run", NotJudged.NO_REFERENCE),
        ("not the same data and order", NotJudged.OTHER_PROBLEM),
        ("no steps were trained", NotJudged.NO_STEPS),
        ("200 steps against 100 of the reference", NotJudged.SHORT_REFERENCE),
        ("refused: Horovod is not installed", NotJudged.NOT_OK),
        ("words of a plug-in", NotJudged.OTHER),
    ],
)
def test_every_reason_that_version_1_wrote_has_a_kind(reason: str, kind: NotJudged, tmp_path: Path) -> None:
    check = next(check for check in read("checks.jsonl") if check["verdict"] == "not run") | {"reason": reason}
    (tmp_path / "checks.jsonl").write_text(json.dumps(check) + "\n")
    assert Results.read(tmp_path).checks[0].not_judged is kind


def test_the_summary_of_a_version_1_folder_has_the_numbers_that_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """``show.txt`` is what the code that wrote the folder printed."""
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(cli, ["show", str(VERSION_1)])
    tables = shown.stdout.partition("\nstrategy ")[2]
    assert tables == (VERSION_1 / "show.txt").read_text().partition("\nstrategy ")[2]
    assert "1 of 5 cases ran on a machine that was busy with something else." in shown.stdout


def test_the_table_of_a_version_1_folder_has_todays_names() -> None:
    frame = wideload.load_results(VERSION_1)
    assert frame["background_cores"].tolist()[0] == 0.019553628362928253
    assert "foreign_cores" not in frame


def test_finished_cases_of_a_version_1_folder_are_known_and_new_ones_are_added(
    tmp_path: Path, make_run: Callable[..., RunRecord]
) -> None:
    shutil.copytree(VERSION_1, tmp_path / "run")
    store = Store(tmp_path / "run")
    old = [str(line["case_id"]) for line in read("runs.jsonl")]
    assert list(store.known()) == old
    store.add(CaseRecords(make_run(case_id="new"), [], []))
    assert list(store.known()) == [*old, "new"]


def test_a_folder_of_a_newer_version_ends_the_command_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs.jsonl").write_text(json.dumps(read("runs.jsonl")[0] | {"schema_version": 99}) + "\n")
    for command in (["show"], ["report"], ["compare"], ["export", "-o", str(tmp_path / "x.csv")]):
        monkeypatch.setattr("sys.argv", ["wideload", command[0], str(tmp_path), *command[1:]])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        assert "runs.jsonl: written with schema version 99" in capsys.readouterr().err


def test_the_experiment_of_a_version_1_folder_runs_again() -> None:
    experiment = load(VERSION_1 / "experiment.toml")
    assert (experiment.background_limit, experiment.background_retries) == (0.2, 1)
    assert experiment.checkpoint.model_dump() == {
        "every": 100,
        "seconds": 300.0,
        "keep": 3,
        "full_every": 10,
        "background": False,
        "mirror": "memory://runs",
    }


@pytest.mark.parametrize("name", ["runs.jsonl", "ranks.jsonl", "checks.jsonl"])
def test_a_version_that_is_not_known_is_refused_by_the_name_of_the_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_bytes((VERSION_1 / "runs.jsonl").read_bytes())
    newer = read(name)[0] | {"schema_version": 99, "case_id": 5}
    (tmp_path / name).write_text(json.dumps(newer) + "\n")
    with pytest.raises(DataError, match=rf"{name}: written with schema version 99; .* up to 2\..* pip install --up"):
        Results.read(tmp_path)


@pytest.mark.parametrize("version", ["two", None, [2]])
def test_a_version_that_is_no_number_is_a_damaged_record(version: object, tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text(json.dumps(read("runs.jsonl")[0] | {"schema_version": version}) + "\n")
    results = Results.read(tmp_path)
    assert (results.runs, len(results.warnings)) == ((), 1)


def test_records_are_written_with_todays_version(tmp_path: Path, make_run: Callable[..., RunRecord]) -> None:
    (tmp_path / "runs.jsonl").write_text(make_run(background_cores=0.5).model_dump_json() + "\n")
    assert json.loads((tmp_path / "runs.jsonl").read_text())["schema_version"] == 2
    assert Results.read(tmp_path).runs[0].background_cores == 0.5
