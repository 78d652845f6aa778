"""Memory follows the rows that were touched, not the vocabulary that they come from.

``WIDELOAD_ROWS`` says how many rows a rank touches.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

LOG = logging.getLogger(__name__)
RunJob = Callable[..., Any]
ROWS = int(os.environ.get("WIDELOAD_ROWS", "2000000"))
VOCABULARY = ROWS
"""Ids a slot. There are 26 slots and two ranks, so the smaller vocabulary has 13 times as many rows as are touched."""


@dataclass(frozen=True)
class Rank:
    """What touching rows cost a rank, in bytes.

    Attributes:
        base: resident before the first row: TensorFlow, MPI and the traced graph.
        resident: at the end.
        row: of one row: its header, weights and optimizer state.
        owned: what the table says of itself: rows, index and what is reserved.
    """

    base: int
    resident: int
    rows: int
    row: float
    owned: int

    @classmethod
    def of(cls, cost: dict[str, Any]) -> Rank:
        before, after = cost["before"], cost["after"]
        payload = sum(after["owned"][owner] for owner in ("headers", "weights", "optimizer"))
        owned = after["owned"]["total"]
        return cls(before["resident"], after["resident"], after["rows"], payload / after["rows"], owned)

    @property
    def grown(self) -> int:
        return self.resident - self.base

    def __str__(self) -> str:
        in_table, in_all = self.owned / self.rows, self.grown / self.rows
        return (
            f"{self.base / 1e6:.0f} MB before the first row, {self.resident / 1e6:.0f} MB with {self.rows} rows of "
            f"{self.row:.0f} bytes: {in_table:.0f} bytes a row in the table, {in_all:.0f} in all"
        )


@pytest.fixture(scope="module")
def touch(job: RunJob, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[Rank]]:
    """Touches rows of a vocabulary of that many ids a slot, on two ranks."""

    def run(vocabulary: int) -> list[Rank]:
        out: Path = tmp_path_factory.mktemp("memory") / "out.json"
        done = job(2, "memory.py", vocabulary, ROWS, out)
        assert out.exists(), done.output
        ranks = [Rank.of(cost) for cost in json.loads(out.read_text())]
        for rank in ranks:
            LOG.info("%d ids a slot: %s", vocabulary, rank)
        return ranks

    return run


@pytest.fixture(scope="module")
def small(touch: Callable[[int], list[Rank]]) -> list[Rank]:
    return touch(VOCABULARY)


@pytest.fixture(scope="module")
def large(touch: Callable[[int], list[Rank]]) -> list[Rank]:
    return touch(10 * VOCABULARY)


def test_a_rank_is_as_large_as_its_base_and_the_rows_it_owns(small: list[Rank]) -> None:
    for rank in small:
        assert rank.rows >= ROWS
        assert rank.resident <= 1.3 * (rank.base + rank.rows * rank.row), rank


def test_a_rank_grows_by_what_its_table_says_of_itself(small: list[Rank]) -> None:
    for rank in small:
        assert rank.grown <= 1.3 * rank.owned, rank


def test_ten_times_the_vocabulary_costs_no_more_for_as_many_rows(small: list[Rank], large: list[Rank]) -> None:
    for few, many in zip(small, large, strict=True):
        assert many.rows == pytest.approx(few.rows, rel=0.05), "the comparison is of as many rows"
        assert many.resident == pytest.approx(few.resident, rel=0.1)
        assert many.grown / many.rows == pytest.approx(few.grown / few.rows, rel=0.1)
