"""The strategy contract's old names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wideload.harness.contract import Footprint, Snapshot, StepResult, Trainer, Written
from wideload.strategies import contract


class OldTrainer(Trainer):
    """Offers snapshots under the old name."""

    def step(self, batch: Any) -> StepResult:
        raise NotImplementedError

    def predict(self, batch: Any) -> Any:
        raise NotImplementedError

    def footprint(self) -> Footprint:
        return Footprint()

    def save(self, directory: Path) -> None: ...

    def restore(self, directory: Path) -> None: ...


class WithCut(OldTrainer):
    def cut(self, since: int | None = None) -> Any:
        return OldCut(since)


class OldCut:
    def __init__(self, since: int | None) -> None:
        self.since = since

    def write(self, directory: Path) -> Written:
        return Written([], self.since)

    def finish(self, directory: Path, parts: Any) -> list[Path]:
        return []


def test_a_strategy_that_overrides_cut_still_offers_snapshots(tmp_path: Path) -> None:
    snapshot = WithCut().snapshot(3)
    assert snapshot is not None
    assert snapshot.write(tmp_path).about == 3


def test_a_strategy_without_either_offers_none() -> None:
    assert OldTrainer().snapshot() is None


def test_the_old_name_of_a_snapshot_is_the_same_protocol() -> None:
    assert contract.Cut is Snapshot
