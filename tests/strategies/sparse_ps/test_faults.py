"""What happens when ranks disagree, and what is left when they go."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

LOG = logging.getLogger(__name__)
RunJob = Callable[..., Any]
CYCLES = int(os.environ.get("WIDELOAD_CYCLES", "50"))


@pytest.mark.parametrize(
    ("what", "named"),
    [("seed", "seed 2"), ("dimension", "deep of 16"), ("wire", "option wire: rank 0 has fp32, rank 1 has fp16")],
)
def test_ranks_that_declare_different_things_are_refused_by_name(what: str, named: str, job: RunJob) -> None:
    output = job(2, "disagree.py", what).output
    assert output.count("refused: ranks disagree about") == 2, output
    assert named in output


def test_ranks_that_call_ops_in_different_order_are_told_what_either_called(job: RunJob) -> None:
    output = job(2, "disorder.py").output
    told = output.split("was told: ")[1:]
    assert len(told) == 2, output
    for message in told:
        assert "pull 0" in message
        assert "sum 1" in message


def test_wrong_calls_are_refused_and_steps_and_look_ups_mix(job: RunJob) -> None:
    output = job(2, "unfinished.py").output
    assert "step has shape [2], expected a scalar" in output
    assert "widths does not fit table 0" in output
    for rank in (0, 1):  # rank 1 abandons step 0
        assert f"rank {rank} trained 29 steps, wrong answers: []" in output, output


def test_closed_servers_leave_nothing_behind(job: RunJob) -> None:
    output = job(2, "cycles.py", CYCLES, timeout=600).output
    LOG.info(output)
    assert output.count(f"clean after {CYCLES} cycles") == 2, output
