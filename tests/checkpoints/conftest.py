"""The kit of these tests; see ``jobs/kit.py``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """A trainer without TensorFlow, checkpointers on a cluster of one."""
    spec = importlib.util.spec_from_file_location("kit", FOLDER / "jobs" / "kit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
