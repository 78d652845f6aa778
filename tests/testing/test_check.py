"""The public contract: plug-ins that keep it have no finding, and every flaw of the others is found."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from wideload.errors import UnavailableError, UnknownNameError
from wideload.harness.job.mpi import Hosts
from wideload.testing.check import Finding, check_plugin
from wideload.testing.report import rule_of

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
FAKES = ROOT / "tests" / "harness" / "plugin"
MAIN = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the fakes, here and in every process that is started."""
    monkeypatch.syspath_prepend(str(FAKES))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(FAKES), inherited])))


def check(text: str, folder: Path) -> list[Finding]:
    return list(check_plugin(text, folder, Hosts()))


def failed(findings: list[Finding]) -> dict[str, str]:
    return {finding.rule: finding.reason for finding in findings if finding.verdict == "FAIL"}


def test_a_data_set_that_keeps_the_contract_has_no_finding(tmp_path: Path) -> None:
    findings = check("tiny", tmp_path)
    assert {finding.verdict for finding in findings} == {"ok"}
    assert len(findings) > 15


@pytest.mark.parametrize(
    ("flaw", "rules"),
    [
        ("ignores_seed", {"seeds and epochs decide the order alone", "an epoch visits every example once"}),
        ("ignores_rank", {"shares of all ranks make the same global batches (3)"}),
        ("ignores_start", {"a stream resumes at any step (9)", "a stream resumes at any step (None)"}),
        ("bad_label", {"labels are zero or one"}),
        ("short_fingerprint", {"a fingerprint is sixteen hex digits and stays"}),
        ("one_stream", {"streams that are read in turn do not disturb each other"}),
        ("narrow_numbers", {"columns have the names and types of the contract"}),
        ("high_ids", {"ids are below their cardinality"}),
        ("keeps_thread", {"a stream left early leaves no thread"}),
    ],
)
def test_each_flaw_of_a_data_set_is_found(tmp_path: Path, flaw: str, rules: set[str]) -> None:
    found = failed(check(f"flawed[flaw={flaw}]", tmp_path))
    assert rules <= set(found)
    assert all(found.values())


def test_a_data_set_too_large_for_whole_epochs_is_tried_on_its_first_batches(tmp_path: Path) -> None:
    findings = check("tiny[examples=200000]", tmp_path)
    skipped = {finding.rule: finding.reason for finding in findings if finding.verdict == "skip"}
    assert "an epoch visits every example once" in skipped
    assert set(skipped.values()) == {"200,000 training examples; an epoch of 100,000 is tested"}
    assert not failed(findings)


@pytest.mark.mpi
@pytest.mark.slow
def test_a_strategy_that_forgets_to_average_and_ignores_its_seed_violates_the_contract(tmp_path: Path) -> None:
    command = [*MAIN, "check", "--plugin", "not_averaged", "-o", str(tmp_path / "run")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert "ok    jobs train and predict with empty shares (2)" in lines
    assert any(line.startswith("FAIL  jobs follow the reference (2): ") for line in lines)
    assert any(line.startswith("FAIL  another seed gives other losses: ") for line in lines)
    assert (tmp_path / "run" / "test_contract.py").exists()


def test_a_strategy_that_cannot_run_here_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="'not_installed' cannot run here: the library is absent"):
        check("not_installed", tmp_path)


def test_an_unknown_name_names_the_nearest_of_both_kinds(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'census'"):
        check("cenus", tmp_path)


def test_tests_that_do_not_get_to_their_end_are_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wideload.testing.check._source", lambda *_: "import os\nos.abort()\n")
    assert "pytest ended with code -6" in failed(check("tiny", tmp_path))["the tests run to their end"]


def test_a_tests_name_is_read_as_a_sentence() -> None:
    assert rule_of("a/test_contract.py::TestContract::test_jobs_train[2]") == "jobs train (2)"
    assert rule_of("test_contract.py::TestContract::test_it_has_a_summary") == "it has a summary"


def test_without_pytest_the_classes_say_so_and_the_rest_of_the_package_works() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None; import wideload.testing.workload, wideload.testing.check\n"
        "try: from wideload.testing import DatasetContract\nexcept ImportError: print('missing')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "missing\n", done.stderr


@pytest.fixture
def installed_example(tmp_path: Path) -> dict[str, str]:
    """The example as if installed: its modules and the entry points of its pyproject.toml on the path."""
    groups = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    info = tmp_path / "wideload_example-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wideload-example\nVersion: 0.1.0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    path = os.pathsep.join([str(tmp_path), str(EXAMPLE / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


@pytest.mark.mpi
@pytest.mark.slow
def test_the_example_package_passes_its_own_tests(installed_example: dict[str, str], tmp_path: Path) -> None:
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "--rootdir",
        str(EXAMPLE),
        "-c",
        str(EXAMPLE / "pyproject.toml"),
    ]
    command = [sys.executable, "-m", "pytest", str(EXAMPLE / "tests"), *options]
    answer = subprocess.run(command, capture_output=True, text=True, env=installed_example, timeout=500, check=False)
    assert answer.returncode == 0, answer.stdout[-8000:]
    assert "skipped" not in answer.stdout


def test_the_command_checks_a_data_set_of_another_package(installed_example: dict[str, str], tmp_path: Path) -> None:
    command = [*MAIN, "check", "--plugin", "coins", "-o", str(tmp_path / "run")]
    answer = subprocess.run(command, capture_output=True, text=True, env=installed_example, timeout=500, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "FAIL" not in answer.stdout
    assert answer.stdout.startswith("ok")
