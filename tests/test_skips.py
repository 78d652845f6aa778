"""In CI a skip fails the session; elsewhere it says why and does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = {
    "a test": "import pytest\n\ndef test_it():\n    pytest.skip('no such program')\n",
    "a module": "import pytest\npytest.importorskip('not_a_module', reason='no such program')\n\ndef test_it(): ...\n",
    "nothing": "def test_it(): ...\n",
}


def run(folder: Path, kind: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    (folder / "test_one.py").write_text("def test_other(): ...\n")
    (folder / "test_two.py").write_text(SKIPPING[kind])
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(folder), "--rootdir", str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "CI": ci}, timeout=100
    )


@pytest.mark.parametrize(("kind", "ci", "code"), [
    ("a test", "true", 1), ("a module", "true", 1), ("nothing", "true", 0), ("a test", "", 0), ("a module", "", 0),
])  # fmt: skip
def test_a_skip_fails_a_session_in_ci_alone(tmp_path: Path, kind: str, ci: str, code: int) -> None:
    done = run(tmp_path, kind, ci)
    assert done.returncode == code, done.stdout
    assert ("no such program" in done.stdout) == (kind != "nothing")
    assert ("in CI nothing is skipped" in done.stdout) == bool(code)
