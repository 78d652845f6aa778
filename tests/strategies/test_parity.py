"""With equal seeds and batches, every strategy follows one process: every kind of column, and what the model offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wideload.options import Spec
from wideload.strategies import find, names

DISTRIBUTED = [name for name in names() if find(name).distributed and find(name)().synchronous]
WORKLOADS = {"plain": 100, "rich": 60, "census": 200}
TOLERANCE = 1e-4
VARIANTS = [
    "horovod[exchange=table,kernels=tensorflow,fusion_threshold_mb=0]",
    "horovod[exchange=dense]",
    "horovod[lookup=column]",
    "mpi_allreduce[exchange=merge]",
    "mpi_allreduce[exchange=table,lookup=column]",
    "horovod_alltoall[kernels=tensorflow,rows=split]",
    "horovod_alltoall[hot_rows=30]",
    "multi_worker_mirrored[exchange=table,communication=auto]",
    "multi_worker_mirrored[exchange=dense]",
]

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

Losses = dict[str, Any]


@pytest.fixture(scope="session")
def reference(losses: Callable[..., Losses]) -> Losses:
    """``local``'s losses."""
    return losses(1, "local", **WORKLOADS)


def skip_unless_usable(strategy: str) -> None:
    found = find(strategy).availability()
    if not found.usable:
        pytest.skip(found.reason)


def distance(found: Any, expected: Any) -> float:
    """Largest relative difference over the steps that both have."""
    steps = min(len(found), len(expected))
    return float(np.max(np.abs(found[:steps] - expected[:steps]) / np.abs(expected[:steps])))


@pytest.mark.parametrize("strategy", DISTRIBUTED)
def test_two_ranks_follow_one(losses: Any, reference: Losses, strategy: str) -> None:
    skip_unless_usable(strategy)
    found = losses(2, strategy, **WORKLOADS, padded=WORKLOADS["rich"])
    expected = reference | {"padded": reference["rich"]}
    assert {name: distance(found[name], expected[name]) for name in expected} == {
        name: pytest.approx(0.0, abs=TOLERANCE) for name in expected
    }


@pytest.mark.parametrize("strategy", DISTRIBUTED)
def test_three_ranks_follow_one(losses: Any, reference: Losses, strategy: str) -> None:
    skip_unless_usable(strategy)
    assert distance(losses(3, strategy, plain=30)["plain"], reference["plain"]) < TOLERANCE


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_way_of_exchanging_gives_the_same(losses: Any, reference: Losses, variant: str) -> None:
    skip_unless_usable(Spec.parse(variant).name)
    assert distance(losses(2, variant, plain=30)["plain"], reference["plain"]) < TOLERANCE


def test_rows_are_merged_between_three_ranks_too(losses: Any, reference: Losses) -> None:
    assert distance(losses(3, "mpi_allreduce[exchange=merge]", rich=30)["rich"], reference["rich"]) < TOLERANCE


def test_gradients_that_are_not_summed_are_noticed(losses: Any, reference: Losses) -> None:
    skip_unless_usable("horovod")
    assert distance(losses(2, "horovod", broken=30)["broken"], reference["plain"]) > TOLERANCE
