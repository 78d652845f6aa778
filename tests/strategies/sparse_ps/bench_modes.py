"""The throughput of each mode if one rank is three times as slow as the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SPECS = ["sparse_ps", "sparse_ps[mode=async]", "sparse_ps[mode=bounded,staleness=4]"]


@pytest.mark.parametrize("spec", SPECS)
def test_examples_per_second_with_a_slow_rank(
    spec: str, benchmark: Any, job: Callable[..., Any], tmp_path: Path
) -> None:
    def run() -> None:
        done = job(2, "slowed.py", spec, 8, tmp_path / "out.json")
        assert done.code == 0, done.output

    benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= json.loads((tmp_path / "out.json").read_text())
