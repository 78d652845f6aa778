"""What every strategy promises (:mod:`wideload.harness.contract`), as tests; see :mod:`wideload.testing`."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from wideload.errors import CheckpointError, UnknownNameError
from wideload.harness.contract import Strategy
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.messages import RankStatus
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import ParityRecord, RunRecord
from wideload.harness.sweep.sweep import Sweep
from wideload.options import Spec
from wideload.strategies import find
from wideload.testing.workload import BATCH, OneRank

RANKS = (1, 2, 3)
JOB_BATCH = 100
PROBLEM = f"planted[slots=3,vocabulary=50,numeric=2,examples={10 * JOB_BATCH + 1},test_examples=200]"
"""The last batch of an epoch has one example, so all ranks but one have an empty share of it."""
REFERENCE = "local"
"""Trains in one process; what a synchronous strategy must follow."""

Build = Callable[..., OneRank]


class DeclarationContract:
    """What is known of a strategy before anything is built."""

    strategy: ClassVar[str]
    """``name[option=value]``: what is tested. Set by the subclass."""

    @property
    def kind(self) -> type[Strategy]:
        """The strategy's class, found by its name."""
        return find(Spec.parse(self.strategy).name)

    @property
    def synchronous(self) -> bool:
        """Whether the strategy with its options must follow the reference."""
        return self.kind(Spec.parse(self.strategy).options(self.kind.Options)).synchronous

    @pytest.fixture
    def usable(self) -> None:
        """Skips a test that trains where the strategy cannot run, with the strategy's own reason."""
        found = self.kind.availability()
        if not found.usable:
            pytest.skip(found.reason)

    def test_its_name_is_the_one_it_is_found_by(self) -> None:
        assert self.kind.name == Spec.parse(self.strategy).name

    def test_it_has_a_summary(self) -> None:
        assert self.kind.summary

    def test_its_keys_are_signs_or_ids(self) -> None:
        assert self.kind.keys in ("signs", "ids")

    def test_its_options_have_defaults(self) -> None:
        assert self.kind().options == self.kind.Options()

    def test_an_unknown_option_names_the_nearest(self) -> None:
        name, options = Spec.parse(self.strategy).name, self.kind.Options
        known = next(iter(options.model_fields), "")
        with pytest.raises(UnknownNameError, match=f"Did you mean '{known}'" if known else "unknown"):
            Spec.parse(f"{name}[{known}x=1]").options(options)

    def test_it_is_usable_here_or_says_why_not(self) -> None:
        found = self.kind.availability()
        assert found.usable or found.reason

    def test_to_be_listed_it_imports_neither_tensorflow_nor_mpi(self) -> None:
        name = Spec.parse(self.strategy).name
        program = (
            f"import sys; from wideload.strategies import find; find({name!r}).availability(); "
            "sys.exit(', '.join({'tensorflow', 'mpi4py.MPI'} & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


class JobContract(DeclarationContract):
    """Jobs of several ranks, as ``wideload run`` starts them; the reference trains on the same batches.

    Attributes:
        hosts: where the ranks run; by default all on this machine.
    """

    hosts: ClassVar[Hosts] = Hosts()

    @pytest.fixture(scope="class")
    @classmethod
    def swept(cls, tmp_path_factory: pytest.TempPathFactory) -> Swept:
        """The finished jobs of the strategy and of the reference, and the checks of parity between them."""
        document = {
            "strategies": [cls.strategy],
            "ranks": list(RANKS),
            "parity": True,
            "warmup_steps": 0,
            "workload": {"dataset": PROBLEM, "batch_size": JOB_BATCH, "epochs": 2},
        }
        folder = tmp_path_factory.mktemp("run")
        sweep = Sweep.prepare(from_document(document, "contract"), folder, _Silent(), cls.hosts)
        name = Spec.parse(cls.strategy).name
        runs = {run.ranks: run for run in sweep.run("all") if run.strategy == name}
        return Swept(runs, {check.ranks: check for check in sweep.checks})

    @pytest.mark.usefixtures("usable")
    @pytest.mark.parametrize("ranks", RANKS)
    def test_jobs_train_and_predict_with_empty_shares(self, swept: Swept, ranks: int) -> None:
        run = swept.runs[ranks]
        assert run.status == "ok", run.error
        assert run.auc is not None, "there is no AUC: predictions are not finite"

    @pytest.mark.usefixtures("usable")
    @pytest.mark.parametrize("ranks", RANKS)
    def test_jobs_follow_the_reference(self, swept: Swept, ranks: int) -> None:
        check = swept.checks.get(ranks)
        if check is None or not self.synchronous:
            return  # it is the reference itself, or does not promise to follow it
        assert check.verdict == "pass", check.reason or f"largest relative difference {check.max_relative}"


@dataclass(frozen=True, slots=True)
class Swept:
    """Records of jobs by their number of ranks."""

    runs: dict[int, RunRecord]
    checks: dict[int, ParityRecord]


class _Silent:
    """A sweep's watcher that shows nothing."""

    def planned(self, todo: int, done: int) -> None: ...
    def started(self, number: int, case: Any) -> None: ...
    def warned(self, text: str) -> None: ...
    def progress(self, case: Any, statuses: list[RankStatus]) -> None: ...
    def ended(self, run: RunRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A rank after sixty steps, and its losses."""

    rank: OneRank
    losses: list[float]


@pytest.mark.usefixtures("usable")
class TrainerContract(DeclarationContract):
    """One rank in the test's process, on a workload with every kind of column (:mod:`wideload.testing.workload`)."""

    @pytest.fixture
    def build(self) -> Iterator[Build]:
        """Builds a rank of the strategy, or of the one given; closes its trainer afterwards."""
        opened: list[OneRank] = []

        def build(strategy: str = self.strategy, **changes: Any) -> OneRank:
            opened.append(OneRank(strategy, **changes))
            return opened[-1]

        yield build
        for one in opened:
            one.trainer.close()

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls) -> Iterator[Trained]:
        """A rank after sixty steps, for tests that leave it as it is."""
        rank = OneRank(cls.strategy)
        yield Trained(rank, rank.train(60))
        rank.trainer.close()

    def test_training_lowers_the_loss(self, trained: Trained) -> None:
        assert np.mean(trained.losses[-20:]) < np.mean(trained.losses[:20])

    def test_equal_seeds_give_equal_losses(self, build: Build, trained: Trained) -> None:
        assert build().train(12) == trained.losses[:12]

    def test_another_seed_gives_other_losses(self, build: Build, trained: Trained) -> None:
        assert build(seed=8).train(3) != trained.losses[:3]

    def test_predictions_are_probabilities(self, trained: Trained) -> None:
        predicted = trained.rank.trainer.predict(trained.rank.batch(0))
        assert predicted.dtype == np.float32
        assert predicted.shape == (BATCH,)
        assert ((predicted > 0) & (predicted < 1)).all()

    def test_predicting_changes_nothing(self, trained: Trained) -> None:
        rank, trainer = trained.rank, trained.rank.trainer
        before = trainer.predict(rank.batch(99))
        footprint = trainer.footprint().weights
        trainer.predict(rank.batch(100))
        assert trainer.predict(rank.batch(99)).tolist() == before.tolist()
        assert trainer.footprint().weights == footprint

    def test_an_empty_share_is_trained_and_predicted(self, build: Build) -> None:
        rank = build()
        assert rank.trainer.step(rank.empty()).loss == 0.0
        assert rank.trainer.predict(rank.empty()).shape == (0,)

    def test_padding_counts_for_nothing(self, build: Build) -> None:
        """Not in losses, gradients, moments or penalties: steps, one of them short and one empty, then predictions."""
        plain, padded = build(model="rich"), build(model="rich", rows=BATCH + 6)
        for step, size in enumerate([BATCH, BATCH, 5, BATCH, BATCH, BATCH]):
            expected = plain.trainer.step(plain.batch(step, size)).loss
            assert padded.trainer.step(padded.batch(step, size)).loss == pytest.approx(expected, rel=1e-5)
        empty = padded.empty()
        assert padded.trainer.step(empty.padded(BATCH + 6, padded.adapter.layout.slots)).loss == 0.0
        plain.trainer.step(empty)
        predicted = padded.trainer.predict(padded.batch(50))
        assert len(predicted) == BATCH + 6
        assert predicted[:BATCH] == pytest.approx(plain.trainer.predict(plain.batch(50)), rel=1e-5)

    def test_prefetching_changes_no_result(self, build: Build, trained: Trained) -> None:
        rank, losses = build(), []
        for step in range(5):
            if step < 4:
                rank.trainer.prefetch(rank.batch(step + 1))
            losses += rank.train(1)
        assert losses == trained.losses[:5]

    def test_predictions_follow_the_reference_under_a_schedule(self, build: Build) -> None:
        """Losses do not see the running statistics of batch normalisation, predictions do."""
        ranks = build(model="rich"), build(REFERENCE, model="rich")
        for rank in ranks:
            schedule = rank.workload.model.schedule
            assert schedule is not None
            assert schedule.factor(29) < 0.2
            rank.train(30)
            rank.trainer.finish()
        found, expected = (rank.trainer.predict(rank.batch(50)) for rank in ranks)
        assert found == pytest.approx(expected, rel=1e-5)

    def test_a_restored_model_continues_as_if_never_stopped(self, build: Build, tmp_path: Path) -> None:
        first = build(model="rich")
        first.train(8)
        predicted = _saved(first, tmp_path)
        continued = first.train(8)
        first.trainer.close()

        second = build(model="rich")
        second.train(2)
        assert _restored(second, tmp_path, 8) == predicted
        assert second.train(8) == continued

    def test_a_snapshot_is_written_by_another_thread_while_training_continues(
        self, build: Build, tmp_path: Path
    ) -> None:
        first = build(model="rich")
        first.train(8)
        first.trainer.finish()
        snapshot = first.trainer.snapshot()
        if snapshot is None:
            return  # not offered
        predicted = first.trainer.predict(first.batch(50)).tolist()
        written: list[Any] = []
        writer = threading.Thread(target=lambda: written.append(snapshot.write(tmp_path)))
        writer.start()
        continued = first.train(8)
        writer.join()
        files = [*written[0].files, *snapshot.finish(tmp_path, [written[0].about])]
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(files)
        first.trainer.close()

        second = build(model="rich")
        assert _restored(second, tmp_path, 8) == predicted
        assert second.train(8) == continued

    def test_an_increment_on_top_of_what_it_builds_on_is_the_model(self, build: Build, tmp_path: Path) -> None:
        first = build(model="rich")
        if not first.trainer.incremental:
            return  # not offered
        full, increment = tmp_path / "full", tmp_path / "increment"
        full.mkdir()
        increment.mkdir()
        first.trainer.track()
        first.train(6)
        _saved(first, full)
        first.train(6)
        first.trainer.finish()
        first.trainer.save_increment(increment, 6)
        predicted = first.trainer.predict(first.batch(50)).tolist()
        continued = first.train(6)
        first.trainer.close()

        second = build(model="rich")
        second.trainer.restore(full)
        second.trainer.restore_increment(increment)
        second.steps = 12
        assert second.trainer.predict(second.batch(50)).tolist() == predicted
        assert second.train(6) == continued

    def test_a_folder_without_a_model_is_refused(self, trained: Trained, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=str(tmp_path)):
            trained.rank.trainer.restore(tmp_path)

    def test_the_footprint_counts_weights_and_optimizer(self, trained: Trained) -> None:
        footprint = trained.rank.trainer.footprint()
        assert footprint.weights > 0
        assert footprint.optimizer > 0
        assert footprint.total >= footprint.weights + footprint.optimizer

    def test_counters_are_finite_numbers(self, trained: Trained) -> None:
        counters = trained.rank.trainer.counters()
        assert all(isinstance(name, str) for name in counters)
        assert np.isfinite([float(value) for value in counters.values()]).all()

    def test_closing_twice_is_fine(self, build: Build) -> None:
        rank = build()
        rank.trainer.close()
        rank.trainer.close()


class StrategyContract(TrainerContract, JobContract):
    """Everything that a strategy promises. Strategies that own their process are tested in a process of their own."""


def _saved(rank: OneRank, folder: Path) -> list[float]:
    """Saves the model; what it predicts then."""
    rank.trainer.finish()
    rank.trainer.save(folder)
    predicted: list[float] = rank.trainer.predict(rank.batch(50)).tolist()
    return predicted


def _restored(rank: OneRank, folder: Path, steps: int) -> list[float]:
    """Restores a model of so many steps; what it predicts then."""
    rank.trainer.finish()
    rank.trainer.restore(folder)
    rank.steps = steps
    predicted: list[float] = rank.trainer.predict(rank.batch(50)).tolist()
    return predicted
