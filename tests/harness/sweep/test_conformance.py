"""Checking the contract, on plug-ins that implement it and on plug-ins that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wideload import datasets
from wideload.harness.sweep.conformance import check_dataset

EXAMPLE = Path(__file__).parents[3] / "examples" / "plugin"
MAIN = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]


def broken_rules(name: str) -> set[str]:
    return {finding.rule for finding in check_dataset(datasets.load(name)) if not finding.kept}


@pytest.mark.usefixtures("fakes")
def test_a_data_set_that_implements_the_contract_has_no_finding() -> None:
    assert broken_rules("tiny") == set()


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("flaw", "rule"),
    [
        ("ignores_seed", "another seed gives another order"),
        ("ignores_rank", "shares of three ranks make up the batch of one"),
        ("ignores_start", "a start skips whole batches"),
        ("bad_label", "batches hold a label of 0 or 1 and every field"),
        ("short_fingerprint", "its fingerprint is 16 hex digits"),
    ],
)
def test_each_flaw_of_a_data_set_is_found(flaw: str, rule: str) -> None:
    assert rule in broken_rules(f"flawed[flaw={flaw}]")


@pytest.fixture
def installed_example(tmp_path: Path) -> dict[str, str]:
    """The example as if installed: its modules and the entry points of its pyproject.toml on the path."""
    import tomllib

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
@pytest.mark.parametrize("name", ["coins", "mpi_allreduce"])
def test_the_example_package_implements_the_contract(
    installed_example: dict[str, str], tmp_path: Path, name: str
) -> None:
    command = [*MAIN, "check", "--plugin", name, "-o", str(tmp_path / "run")]
    answer = subprocess.run(command, capture_output=True, text=True, env=installed_example, timeout=500)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "FAIL" not in answer.stdout
    assert answer.stdout.startswith("ok")


@pytest.mark.mpi
def test_a_strategy_that_forgets_to_average_violates_the_contract(fakes: Path, tmp_path: Path) -> None:
    command = [*MAIN, "check", "--plugin", "not_averaged", "-o", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert answer.returncode == 1
    assert "FAIL  it follows the reference on 2 ranks" in answer.stdout
