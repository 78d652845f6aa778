"""What a strategy that lacks modules says, and the strategy contract's old names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wideload.harness.contract import Availability, Footprint, Snapshot, StepResult, Trainer, Written, require
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


def test_every_missing_module_is_named_with_its_remedy() -> None:
    assert require("wideload._native") == Availability(True)
    found = require("wideload._native", no_such_a="do this", no_such_b="do that")
    assert found == Availability(False, "no_such_a is not installed; do this. no_such_b is not installed; do that.")


def test_a_strategy_that_overrides_cut_still_offers_snapshots(tmp_path: Path) -> None:
    snapshot = WithCut().snapshot(3)
    assert snapshot is not None
    assert snapshot.write(tmp_path).about == 3


def test_a_strategy_without_either_offers_none() -> None:
    assert OldTrainer().snapshot() is None


def test_the_old_name_of_a_snapshot_is_the_same_protocol() -> None:
    assert contract.Cut is Snapshot
