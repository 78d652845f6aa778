"""Puts the fakes on the path of the ranks: as an installed distribution would be, found by its entry points."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wideload.harness.results import RunRecord

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Registers the fake strategies and the tiny data set, here and in every process that is started."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), inherited])))
    yield PLUGIN
    for name in [name for name in sys.modules if name.startswith("wideload_fakes")]:
        del sys.modules[name]


@pytest.fixture
def make_run() -> Callable[..., RunRecord]:
    """Makes a finished run; keywords change it."""

    def make(**changes: Any) -> RunRecord:
        values: dict[str, Any] = {
            "case_id": "a",
            "status": "ok",
            "strategy": "local",
            "dataset": "census",
            "ranks": 2,
            "processes": 2,
            "threads": 1,
            "repeat": 0,
            "batch_size": 1024,
            "steps": 3,
            "losses": [0.7, 0.6, 0.5],
            "fingerprints": dict.fromkeys(("workload", "problem", "data", "columns", "weights", "order"), "f"),
        }
        return RunRecord.model_validate(values | changes)

    return make
