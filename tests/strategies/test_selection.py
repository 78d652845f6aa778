"""``select = "best"`` under every strategy: what is tested is the state that was best on the validation split."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload import strategies
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import RunRecord
from wideload.harness.sweep.sweep import Sweep

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

DATA = "planted[slots=3,vocabulary=400,numeric=2,examples=1200,validation_examples=600,test_examples=600]"
USABLE = [name for name in strategies.BUILT_IN if strategies.find(name).availability().usable]


class Silent:
    """Nobody looks."""

    def planned(self, todo: int, done: int) -> None: ...
    def started(self, number: int, case: Case) -> None: ...
    def warned(self, text: str) -> None: ...
    def progress(self, case: Case, statuses: list[RankStatus]) -> None: ...
    def ended(self, run: RunRecord) -> None: ...


def run(folder: Path, strategy: str, steps: int, **terms: object) -> RunRecord:
    workload = {
        "dataset": DATA,
        "batch_size": 100,
        "steps": steps,
        "model": {"hidden_units": [16], "deep_optimizer": {"kind": "adagrad", "learning_rate": 0.5}},  # overfits
    }
    document = {"strategies": [strategy], "ranks": [2], "warmup_steps": 0, "workload": workload, **terms}
    (found,) = Sweep.prepare(from_document(document, "test"), folder, Silent(), Hosts()).run()
    assert found.status == "ok", found.error
    return found


@pytest.mark.parametrize("strategy", USABLE)
def test_the_state_that_is_tested_is_that_of_the_selected_step(tmp_path: Path, strategy: str) -> None:
    best = run(tmp_path / "best", strategy, 480, select="best", patience=2, eval_every=24)
    selected = int(best.counters["selected_step"])
    assert 0 < selected < best.steps < 480, "it overfits, so the best state is not the last and training stops early"
    if strategies.find(strategy)().synchronous:
        there = run(tmp_path / "there", strategy, selected)
        assert best.auc == pytest.approx(there.auc, abs=1e-6)
