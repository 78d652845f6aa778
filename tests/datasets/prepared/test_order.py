"""The order of examples: lanes, permutations, and what a rank has to read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wideload.datasets.contract import Plan
from wideload.datasets.prepared.order import LANES, Order


def positions(order: Order, rows: list[int]) -> list[list[tuple[int, int]]]:
    """(group, row) of every example of every batch."""
    found = []
    for step in range(order.batches):
        batch = []
        for group, begin, end in order.pieces(step):
            permutation = order.permutation(group, rows[group])
            inside = np.arange(rows[group]) if permutation is None else permutation
            batch += [(group, int(row)) for row in inside[begin:end]]
        found.append(batch)
    return found


@settings(deadline=None)
@given(
    rows=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    batch_size=st.integers(1, 90),
    ranks=st.integers(1, 5),
    seed=st.none() | st.integers(0, 9),
)
def test_any_number_of_ranks_shares_out_the_same_batches(
    rows: list[int], batch_size: int, ranks: int, seed: int | None
) -> None:
    alone = positions(Order(rows, Plan(batch_size, seed=seed)), rows)
    shares = [positions(Order(rows, Plan(batch_size, rank, ranks, seed=seed)), rows) for rank in range(ranks)]
    for step, batch in enumerate(alone):
        assert [row for share in shares for row in share[step]] == batch
    every = [row for batch in alone for row in batch]
    assert sorted(every) == [(group, row) for group, count in enumerate(rows) for row in range(count)]


def test_without_a_seed_the_order_is_the_stored_one() -> None:
    rows = [5, 7, 3]
    flat = [row for batch in positions(Order(rows, Plan(4)), rows) for row in batch]
    assert flat == [(group, row) for group, count in enumerate(rows) for row in range(count)]


def test_a_rank_reads_the_row_groups_of_its_own_lanes_only() -> None:
    rows = [100] * 64
    read = []
    for rank in range(4):
        order = Order(rows, Plan(1024, rank, 4, seed=1))
        read.append({piece.group for step in range(order.batches) for piece in order.pieces(step)})
    assert set.union(*read) == set(range(64))
    assert all(len(groups) <= 64 // 4 + 4 for groups in read)


@pytest.mark.parametrize("groups", [3, 28, 100])
def test_an_epoch_reads_each_row_group_about_once(groups: int) -> None:
    order = Order([1000] * groups, Plan(500, seed=1))
    reads, held = 0, set()
    for step in range(order.batches):
        needed = {piece.group for piece in order.pieces(step)}
        reads += len(needed - held)
        held = needed
    assert groups <= reads <= groups + 2


def test_a_batch_mixes_row_groups_from_all_over_the_split() -> None:
    order = Order([1000] * 160, Plan(1024, seed=1))
    assert len({piece.group for piece in order.pieces(0)}) >= LANES


def test_position_is_reached_without_reading_what_comes_before() -> None:
    order = Order([1000] * 1_000, Plan(100, seed=1))
    groups = {piece.group for piece in order.pieces(9_000)}
    assert len(groups) <= LANES


@pytest.mark.parametrize("size", [1, 3, 63])
def test_small_batches_are_shuffled_too(size: int) -> None:
    rows = [50] * 8
    stored = positions(Order(rows, Plan(size)), rows)
    assert positions(Order(rows, Plan(size, seed=1)), rows) != stored
