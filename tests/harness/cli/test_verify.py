"""A real run -> a bundle -> verified by a second real run; then the same second run against a bundle that overstates,
and a bundle of other data.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.records.bundle import pack

PLUGIN = Path(__file__).parents[1] / "plugin"
MAIN = [sys.executable, "-c", "from wideload.harness.cli import main; main()"]
EXPERIMENT = """
strategies = ["faulty[fault=slow,at_step=1000]"]
reference = "logistic_alone"
ranks = [1]
background_limit = 1000
repeats = 6
warmup_steps = 2

[workload]
dataset = "tiny"
batch_size = 100
steps = 42
"""
"""Each step sleeps for 50 ms: how fast that is hardly depends on what else runs, so that is not looked at."""

pytestmark = pytest.mark.mpi


def wideload(*arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(PLUGIN), "PYTHONWARNINGS": "error"}
    return subprocess.run([*MAIN, *arguments], capture_output=True, text=True, env=settings, timeout=300)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run was measured, bundled, and verified."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "tiny.toml").write_text(EXPERIMENT)
    for arguments in (["run", f"{folder}/tiny.toml", "-o", f"{folder}/run"], ["bundle", f"{folder}/run"]):
        answer = wideload(*arguments)
        assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture(scope="module")
def verified(place: Path) -> dict[str, Any]:
    answer = wideload("verify", f"{place}/run.tar.gz", "-o", f"{place}/again", "--json")
    assert answer.stdout, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == int(not found["passed"])
    return found


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {claim["kind"]: claim["verdict"] for claim in found["claims"]}


def test_an_honest_bundle_is_reproduced(place: Path, verified: dict[str, Any]) -> None:
    # Memory depends on which other programs share the same libraries meanwhile; then it is not compared.
    assert verdicts(verified) | {"memory": ""} == {
        "rate": "reproduced within the interval",
        "AUC": "reproduced within the interval",
        "memory": "",
    }
    assert verified["name"] == "run"
    assert "reproduced within the interval" in (place / "again" / "verification.html").read_text()


def doctored(place: Path, change: Any) -> Path:
    """A bundle of the same run with other records; whoever forges one signs it anew."""
    folder = place / "forged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place / "run", folder)
    records = folder / "runs.jsonl"
    records.write_text(change(records.read_text()))
    pack(folder, "", place / "forged.tar.gz")
    return place / "forged.tar.gz"


@pytest.mark.usefixtures("verified")
def test_a_bundle_that_claims_half_as_much_again_is_not_reproduced(place: Path) -> None:
    def faster(records: str) -> str:
        return re.sub(r'("examples_per_second":)([\d.]+)', lambda found: f"{found[1]}{1.5 * float(found[2])}", records)

    answer = wideload("verify", str(doctored(place, faster)), "-o", f"{place}/again")
    assert answer.returncode == 1
    (line,) = [line for line in answer.stdout.splitlines() if " throughput " in line]
    assert line.endswith("not reproduced")
    assert "0 cases to run, 6 already recorded" in answer.stderr


def test_other_data_are_refused_before_anything_runs(place: Path) -> None:
    forged = doctored(place, lambda records: records.replace('"data":"', '"data":"0'))
    answer = wideload("verify", str(forged), "-o", f"{place}/other")
    assert answer.returncode == 2
    assert answer.stderr.startswith("wideload: refused: tiny is not the data that the bundle was measured on")
    assert not (place / "other").exists()


def test_data_that_cannot_be_read_are_refused(place: Path) -> None:
    forged = doctored(place, lambda records: records.replace('"dataset":"tiny"', '"dataset":"shards[path=/nowhere]"'))
    answer = wideload("verify", str(forged), "-o", f"{place}/other")
    assert answer.returncode == 2
    assert "shards[path=/nowhere] of the bundle cannot be read here" in answer.stderr
