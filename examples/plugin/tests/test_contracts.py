"""Both plug-ins keep their contracts: every test of wideload.testing, and what is special about these."""

from __future__ import annotations

import numpy as np

from wideload.datasets.contract import Dataset, Plan
from wideload.testing import DatasetContract, StrategyContract


class TestMpiAllreduce(StrategyContract):
    strategy = "mpi_allreduce"


class TestCoins(DatasetContract):
    dataset = "coins[coins=7,throws=1500]"

    def test_coins_with_higher_numbers_show_heads_more_often(self, loaded: Dataset) -> None:
        (throws,) = loaded.stream("train", Plan(1500))
        coin, heads = throws["coin"].to_numpy(), throws["heads"].to_numpy()
        assert np.corrcoef(coin, heads)[0, 1] > 0.3
