"""The ceiling ``tower`` trains the tower that strategies train: on equal shares, with equal dropout."""

from __future__ import annotations

import numpy as np
import pytest

from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, SlotLayout, TableLayout
from wideload.harness.model.wide_deep import first_example
from wideload.harness.rank.tower_ceiling import TowerTrainer
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload

LAYOUT = BatchLayout((TableLayout("deep4", 0, 4, 0, (SlotLayout("a", "sum", 9, 0),)),), dense_width=2)
EXAMPLES = 11


def trainer(rank: int, ranks: int, dropout: float = 0.0) -> TowerTrainer:
    model = Model(hidden_units=(8, 4), dropout=dropout)
    workload = Workload(dataset="tiny", model=model, batch_size=EXAMPLES)
    return TowerTrainer(workload, LAYOUT, Cluster(rank, ranks, None))


def share(rank: int, ranks: int) -> Batch:
    """A rank's share of a batch whose examples are all alike, so that only dropout tells them apart."""
    size = first_example(EXAMPLES, rank + 1, ranks) - first_example(EXAMPLES, rank, ranks)
    label, dense = np.ones(size, np.float32), np.full((size, 2), 0.5, np.float32)
    return Batch(label, dense, np.zeros(size, np.int64), np.arange(size + 1, dtype=np.int32), None, EXAMPLES)


@pytest.fixture
def same_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example has the same embeddings, whatever its place in a rank's share."""
    draw = type("Draw", (), {"normal": lambda self, scale, size: np.full(size, scale)})
    monkeypatch.setattr("wideload.harness.rank.tower_ceiling.np.random.default_rng", lambda _: draw())


def test_the_loss_falls_and_only_the_tower_is_trained() -> None:
    tower = trainer(0, 1)
    losses = [tower.step(share(0, 1)).loss for _ in range(20)]
    assert losses[0] == pytest.approx(np.log(2), rel=0.2)
    assert losses[-1] < 0.8 * losses[0]
    parameters = (4 + 2) * 8 + 8 + 8 * 4 + 4 + 4 + 1
    assert tower.footprint().weights == tower.footprint().optimizer == 4 * parameters


@pytest.mark.usefixtures("same_embeddings")
@pytest.mark.parametrize("ranks", [3, 4])
def test_the_shares_of_all_ranks_make_up_the_loss_of_the_whole_batch(ranks: int) -> None:
    """With dropout, which depends on an example's place in the global batch: 11 examples leave a remainder."""
    whole = trainer(0, 1, dropout=0.5).step(share(0, 1)).loss
    parts = [trainer(rank, ranks, dropout=0.5).step(share(rank, ranks)).loss for rank in range(ranks)]
    assert sum(parts) == pytest.approx(whole, rel=1e-5)
