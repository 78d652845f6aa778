"""The parameter server's modes against each other, in real jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

Train = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("ranks", [1, 3, 4])
def test_any_number_of_ranks_follows_the_same_losses(ranks: int, train: Train, reference: dict[str, Any]) -> None:
    assert len(reference["losses"]) == 42
    np.testing.assert_allclose(train(ranks)["losses"], reference["losses"], rtol=1e-5)


def test_two_runs_give_the_same_bits(train: Train, reference: dict[str, Any]) -> None:
    assert train(2)["losses"] == reference["losses"]


def test_prefetch_changes_no_bit(train: Train, reference: dict[str, Any]) -> None:
    off = train(2, "sparse_ps[prefetch=false]")
    assert off["losses"] == reference["losses"]
    assert off["counters"]["prefetch_hits"] == 0
    assert reference["counters"]["prefetch_hits"] > 0
    assert reference["counters"]["prefetched_late_rows"] > 0, "no row was held back: the batches do not overlap"


def test_a_staleness_of_zero_is_synchronous(train: Train, reference: dict[str, Any]) -> None:
    assert train(2, "sparse_ps[mode=bounded,staleness=0]")["losses"] == reference["losses"]


def test_bounded_staleness_keeps_its_bound(train: Train) -> None:
    counters = train(2, "sparse_ps[mode=bounded,staleness=2]", slow_rank=1)["counters"]
    seen = {int(name.removeprefix("staleness_")) for name, count in counters.items() if "staleness_" in name and count}
    assert max(seen) == 2, "the fast rank must run ahead as far as it may, and no farther"


def test_asynchronous_training_learns_at_its_own_pace(train: Train, reference: dict[str, Any]) -> None:
    found = train(2, "sparse_ps[mode=async]", steps=84, slow_rank=1)
    assert sum(count for name, count in found["counters"].items() if name.startswith("staleness_")) == 4 * 84
    assert np.mean(found["losses"][-21:]) < np.mean(found["losses"][:21])


@pytest.mark.parametrize(("wire", "limit"), [("fp32", 90), ("fp16", 50), ("bf16", 50)])
def test_wire_bytes_per_sign_stay_within_their_budget(wire: str, limit: int, train: Train) -> None:
    counters = train(2, f"sparse_ps[wire={wire}]", steps=10)["counters"]
    assert counters["wire_sparse_bytes"] / counters["remote_signs"] <= limit


@pytest.mark.parametrize("wire", ["fp16", "bf16"])
def test_half_precision_on_the_wire_stays_close(wire: str, train: Train, reference: dict[str, Any]) -> None:
    losses = train(2, f"sparse_ps[wire={wire}]")["losses"]
    np.testing.assert_allclose(losses, reference["losses"], rtol=2e-2)
    assert losses != reference["losses"]
