"""Bundles: what is in them, that they are deterministic, and that damage is noticed."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wideload.errors import DataError, UsageError
from wideload.harness.records.bundle import MANIFEST, REPORT, pack, unpack
from wideload.harness.records.results import RunRecord
from wideload.harness.records.store import CaseRecords, Store

Make = Callable[..., RunRecord]
EXPERIMENT = 'strategies = ["local"]\n\n[workload]\ndataset = "census"\n'


@pytest.fixture
def run(tmp_path: Path, make_run: Make) -> Path:
    store = Store(tmp_path / "run")
    store.begin(EXPERIMENT, {"cpu": "a"}, "numpy==2.0.0\n")
    store.add(CaseRecords(make_run(), [], []))
    for name in ("logs/a.0.log", "state/a/job.json", "checkpoints/a/1/MANIFEST.json"):
        path = store.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return store.path


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    pack(run, "<p>", tmp_path / "run.tar.gz")
    return tmp_path / "run.tar.gz"


def rewritten(bundle: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """The same archive with other members."""
    plain = io.BytesIO()
    with tarfile.open(bundle) as old, tarfile.open(fileobj=plain, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            if changed := change(member.name, file.read()):
                entry = tarfile.TarInfo(changed[0])
                entry.size = len(changed[1])
                new.addfile(entry, io.BytesIO(changed[1]))
    bundle.write_bytes(gzip.compress(plain.getvalue()))
    return bundle


def test_a_bundle_holds_the_run_and_its_report_and_nothing_that_is_large(bundle: Path, tmp_path: Path) -> None:
    manifest = unpack(bundle, tmp_path / "out")
    held = {"experiment.toml", "environment.json", "packages.txt", "runs.jsonl", "ranks.jsonl", "logs/a.0.log"}
    assert set(manifest.files) == {REPORT, *(f"run/{name}" for name in held)}
    assert (manifest.name, manifest.data) == ("run", {"census": "f"})
    assert (tmp_path / "out" / "run" / "experiment.toml").read_text() == EXPERIMENT
    assert (tmp_path / "out" / REPORT).read_text() == "<p>"


def test_the_same_run_gives_the_same_bytes(run: Path, bundle: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "run"
    shutil.copytree(run, elsewhere, copy_function=shutil.copyfile)  # other times of change
    pack(elsewhere, "<p>", tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == bundle.read_bytes()


def test_a_changed_file_is_noticed(bundle: Path, tmp_path: Path) -> None:
    changed = rewritten(bundle, lambda name, data: (name, data.replace(b'"local"', b'"other"')))
    with pytest.raises(DataError, match=r"experiment\.toml is damaged, or was changed"):
        unpack(changed, tmp_path / "out")


def test_a_missing_file_is_noticed(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run/runs\.jsonl is missing"):
        unpack(rewritten(bundle, lambda name, data: None if "runs" in name else (name, data)), tmp_path / "out")


@pytest.mark.parametrize("name", ["/etc/passwd", "run/../../outside", "alone"])
def test_a_member_that_would_leave_the_folder_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no bundle: it holds"):
        unpack(rewritten(bundle, lambda old, data: (name if "logs" in old else old, data)), tmp_path / "out")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"text"), gzip.compress(b"")],
    ids=["empty", "text", "compressed text", "compressed nothing"],
)
def test_any_other_file_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="no bundle"):
        unpack(tmp_path / "file", tmp_path / "out")


def test_a_truncated_bundle_is_noticed(bundle: Path, tmp_path: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-40])
    with pytest.raises(DataError):
        unpack(bundle, tmp_path / "out")


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere is no bundle: there is no such file"):
        unpack(tmp_path / "nowhere", tmp_path / "out")


def test_a_newer_format_is_refused(bundle: Path, tmp_path: Path) -> None:
    def newer(name: str, data: bytes) -> tuple[str, bytes]:
        return name, data.replace(b'"format": 1', b'"format": 2') if name.endswith(MANIFEST) else data

    with pytest.raises(DataError, match="has format 2"):
        unpack(rewritten(bundle, newer), tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "failed", "fingerprints": {}}, "no finished case"),
        ({"fingerprints": {"data": "g"}}, "changed between"),
    ],
)
def test_a_run_that_nobody_could_verify_is_refused(
    run: Path, make_run: Make, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    if "failed" in changes.values():
        (run / "runs.jsonl").unlink()
    Store(run).add(CaseRecords(make_run(case_id="b", **changes), [], []))
    with pytest.raises(UsageError, match=message):
        pack(run, "", tmp_path / "x.tar.gz")


def test_a_run_without_its_experiment_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "experiment.toml").unlink()
    with pytest.raises(UsageError, match=r"no experiment\.toml"):
        pack(run, "", tmp_path / "x.tar.gz")
