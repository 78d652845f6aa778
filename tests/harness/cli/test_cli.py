"""The command line, called in a separate process as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wideload.harness.records.results import Results, RunRecord

MAIN = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]
pytestmark = pytest.mark.usefixtures("fakes")


def wideload(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONWARNINGS": "error", **environment}
    return subprocess.run([*MAIN, *arguments], capture_output=True, text=True, env=settings, timeout=120)


TINY = ("-d", "tiny", "--batch-size", "100", "--set", "reference=logistic_alone", "--set", "warmup_steps=2")


def test_help_imports_neither_tensorflow_nor_mpi() -> None:
    script = (
        "import sys\nfrom wideload.harness.cli import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'tensorflow', 'mpi4py', 'pandas', 'sklearn', 'pyarrow', 'horovod'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_planning_a_run_imports_neither_tensorflow_nor_mpi() -> None:
    script = (
        "import sys\nfrom wideload.harness.cli import cli\n"
        "cli(['run', '-d', 'tiny', '-s', 'local', '-s', 'logistic', '--dry-run'], standalone_mode=False)\n"
        "print(sorted({'tensorflow', 'mpi4py', 'horovod'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_a_short_and_a_long_name(flag: str) -> None:
    assert "Commands:" in wideload(flag).stdout


@pytest.mark.mpi
def test_results_go_to_stdout_and_progress_to_stderr(tmp_path: Path) -> None:
    answer = wideload("run", *TINY, "-s", "logistic", "-o", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("strategy")
    assert "[1/1] logistic on tiny" in answer.stderr


@pytest.mark.mpi
def test_a_failed_case_gives_exit_code_1(tmp_path: Path) -> None:
    assert wideload("run", *TINY, "-s", "faulty[fault=raise]", "-o", str(tmp_path)).returncode == 1


@pytest.mark.mpi
def test_a_crashed_case_resumes_from_its_checkpoint_as_the_last_line_says(tmp_path: Path) -> None:
    line = ("run", *TINY, "--set", "checkpoint.every=4", "-s", "faulty[fault=kill,at_step=22]", "-o", str(tmp_path))
    broken = wideload(*line)
    assert broken.returncode == 1
    assert broken.stderr.splitlines()[-1] == "1 case broke off: the same line resumes from the last checkpoint"
    resumed = wideload(*line)
    assert resumed.returncode == 0, resumed.stderr
    (run,) = Results.read(tmp_path).runs
    assert (run.attempt, run.steps, run.counters["resumed_after_step"]) == (1, 40, 20)


@pytest.mark.mpi
def test_a_crashed_case_without_a_checkpoint_runs_again_on_request_as_the_last_line_says(tmp_path: Path) -> None:
    line = ("run", *TINY, "-s", "faulty[fault=kill]", "-o", str(tmp_path))
    for _ in range(2):
        answer = wideload(*line)
        assert answer.returncode == 1
        last = answer.stderr.splitlines()[-1]
        assert last == "1 case did not finish: add --rerun failed to run again from the start"
    assert "0 cases to run, 1 already recorded" in answer.stderr
    assert "1 case to run" in wideload(*line, "--rerun", "failed").stderr


@pytest.mark.parametrize("clip", ["[2,2]", "[3,1]"])
def test_a_declaration_that_does_not_fit_is_exit_code_2_also_when_it_is_recorded_already(
    tmp_path: Path, clip: str
) -> None:
    column = f'{{kind="numeric",name="n",field="number",clip={clip}}}'
    line = ("run", *TINY, "--set", f"workload.columns.column=[{column}]", "-s", "logistic", "-o", str(tmp_path))
    for _ in range(2):
        answer = wideload(*line)
        assert answer.returncode == 2, answer.stdout + answer.stderr
        assert "refused" in answer.stdout


def test_check_gives_exit_code_2_for_a_declaration_that_does_not_fit(tmp_path: Path) -> None:
    column = '{kind="numeric",name="n",field="number",clip=[2,2]}'
    line = ("check", *TINY, "--set", f"workload.columns.column=[{column}]", "-s", "logistic", "-o", str(tmp_path))
    assert wideload(*line).returncode == 2


@pytest.mark.mpi
def test_check_gives_exit_code_1_for_a_strategy_that_is_wrong(tmp_path: Path) -> None:
    answer = wideload("check", *TINY, "-s", "not_averaged", "--check-steps", "20", "-o", str(tmp_path))
    assert answer.returncode == 1
    assert "fail" in answer.stdout


@pytest.mark.mpi
def test_check_gives_exit_code_0_for_one_that_is_right(tmp_path: Path) -> None:
    answer = wideload("check", *TINY, "-s", "logistic", "--check-steps", "20", "-o", str(tmp_path))
    assert answer.returncode == 0
    assert "pass" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("rnu",), "Did you mean 'run'"),
        (("run",), "name an experiment file"),
        (("run", "-d", "tiny", "-s", "logistics"), "Did you mean 'logistic'"),
        (("run", "-d", "tyny"), "Did you mean 'tiny'"),
        (("run", "-d", "tiny[exampels=3]"), "Did you mean 'examples'"),
        (("run", "-d", "tiny", "--set", "repeat=3"), "Did you mean 'repeats'"),
        (("run", "-d", "tiny", "--set", "repeats"), "expected KEY=VALUE"),
        (("run", "nowhere.toml"), "nowhere.toml does not exist"),
        (("show", "nowhere"), "is not a run folder"),
        (("compare", "nowhere", "nowhere"), "is not a run folder"),
        (("run", "--frobnicate"), "No such option"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_code_2(arguments: tuple[str, ...], expected: str) -> None:
    answer = wideload(*arguments)
    assert answer.returncode == 2
    assert expected in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_broken_mpi_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    answer = wideload("run", "-d", "tiny", "-s", "logistic", "-o", str(tmp_path), WIDELOAD_MPIRUN="/nowhere/mpirun")
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "pip install mpich" in answer.stderr


def test_a_dry_run_prints_command_lines_and_writes_nothing(tmp_path: Path) -> None:
    answer = wideload("run", *TINY, "-s", "logistic", "-o", str(tmp_path / "run"), "--dry-run")
    assert "wideload.harness.job.supervisor" in answer.stdout
    assert not (tmp_path / "run").exists()


def test_list_names_a_strategy_that_cannot_run_with_its_reason() -> None:
    listed = json.loads(wideload("list", "--json").stdout)
    states = {entry["name"]: entry for entry in listed["strategies"]}
    assert not states["not_installed"]["usable"]
    assert "pip install library" in states["not_installed"]["reason"]
    assert "tiny" in {entry["name"] for entry in listed["datasets"]}
    assert "pip install library" in wideload("list").stdout


def test_list_calls_no_strategy_usable_where_no_job_can_be_started() -> None:
    listed = json.loads(wideload("list", "--json", WIDELOAD_MPIRUN="/nowhere/mpirun").stdout)
    assert [entry["name"] for entry in listed["strategies"] if entry["usable"]] == []
    reasons = {entry["name"]: entry["reason"] for entry in listed["strategies"]}
    assert "pip install mpich" in reasons["local"]
    assert "pip install library" in reasons["not_installed"]  # its own reason comes first


def test_env_is_readable_by_machines() -> None:
    found = json.loads(wideload("env", "--json").stdout)
    assert found["cores"] >= 1
    assert found["native"]["processor_level"]
    assert Path(found["native"]["ops"]).exists()
    assert found["strategies"]["logistic"] == "yes"
    assert "pip install library" in found["strategies"]["not_installed"]


def test_show_prints_the_records(tmp_path: Path, make_run) -> None:
    record: RunRecord = make_run(auc=0.9123)
    (tmp_path / "runs.jsonl").write_text(record.model_dump_json() + "\n{cut")
    answer = wideload("show", str(tmp_path))
    assert "0.9123" in answer.stdout
    assert "runs.jsonl:2: skipped" in answer.stderr
    assert json.loads(wideload("show", str(tmp_path), "--json").stdout)["runs"][0]["auc"] == 0.9123


def test_compare_gives_exit_code_1_on_a_regression(tmp_path: Path, make_run) -> None:
    for name, rate in (("before", 100.0), ("after", 80.0)):
        (tmp_path / name).mkdir()
        runs = [make_run(case_id=f"{repeat}", repeat=repeat, examples_per_second=rate) for repeat in range(6)]
        (tmp_path / name / "runs.jsonl").write_text("".join(f"{run.model_dump_json()}\n" for run in runs))
    sides = (str(tmp_path / "before"), str(tmp_path / "after"))
    assert wideload("compare", *sides).returncode == 0
    answer = wideload("compare", *sides, "--min-ratio", "0.95")
    assert answer.returncode == 1
    assert "regression" in answer.stderr
