"""Keeps the state that was best on the validation split, and says when training has stopped getting better.

::

    every `eval_every` steps, and after the last one:   predict the validation split, AUC over all ranks
        better than all before  -> save into the job's folder         no better `patience` times -> stop
    at the end              -> restore the best state, which is then tested

All ranks compute the same AUC from the same predictions, so they decide alike. The test split is not looked at.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wideload.arrays import Floats
from wideload.errors import DataError
from wideload.harness.analysis.metrics import measure
from wideload.harness.rank.evaluate import predicted
from wideload.harness.rank.session import Session


@dataclass(slots=True)
class Selection:
    """The best state so far.

    Attributes:
        patience: evaluations without a better AUC after which training stops; None: never.
        best_auc, best_step: of the best state; -inf and 0 before the first evaluation.
        waited: evaluations since then.
        stopped: whether training stopped early.
    """

    session: Session
    patience: int | None = None
    best_auc: float = float("-inf")
    best_step: int = 0
    last_step: int = 0
    waited: int = 0
    stopped: bool = False
    _folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self._folder = self.session.job.path / "best"

    def consider(self, step: int) -> bool:
        """Evaluates the state after ``step`` steps, and saves it if it is the best; whether to stop. Collective.

        Raises:
            DataError: the validation split holds one class, so there is no AUC.
        """
        auc, self.last_step = self._auc(), step
        if auc > self.best_auc:
            self.best_auc, self.best_step, self.waited = auc, step, 0
            self._save()
        else:
            self.waited += 1
        self.stopped = self.patience is not None and self.waited >= self.patience
        return self.stopped

    def settle(self, step: int) -> None:
        """Makes the best state that of the trainer, after the last of ``step`` steps. Collective."""
        if self.last_step != step:
            self.consider(step)
        if self.best_step != step:
            self.session.trainer.restore(self._folder)
        self.session.cluster.barrier()
        if self.session.cluster.rank == 0:
            shutil.rmtree(self._folder, ignore_errors=True)

    def counters(self) -> dict[str, float]:
        """Counters for the record; only rank 0 has any."""
        if self.session.cluster.rank:
            return {}
        return {"selected_step": float(self.best_step), "validation_auc": self.best_auc}

    def _auc(self) -> float:
        """AUC of the validation split over all ranks; -inf where a prediction is no number."""
        labels, found = predicted(self.session, "validation")
        parts: list[tuple[Floats, Floats]] = self.session.cluster.comm.allgather((labels, found))
        metrics = measure(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        if metrics.auc is None and not metrics.not_finite:
            raise DataError(
                f"select = 'best': the validation split has {metrics.examples} examples, {metrics.clicks} of them "
                "positive, so there is no AUC to choose by. Prepare the data with another validation split."
            )
        return float("-inf") if metrics.auc is None else metrics.auc

    def _save(self) -> None:
        cluster = self.session.cluster
        if cluster.rank == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
        cluster.barrier()
        self.session.trainer.save(self._folder)
        cluster.barrier()
