"""One measurement: a workload under a strategy, on a job of some size, once.

``case_id`` is the hash of everything that decides what is measured; the same experiment gives the same ids, so finished
cases are recognised. Limits and places are not part of it. The hash is over the canonical form, whose names are on disk
in every run folder: a field that gets a new name keeps its old one there (:data:`CANONICAL_NAMES`).
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from wideload.harness.records.results import Kind
from wideload.harness.workload.workload import Workload
from wideload.hashing import fingerprint
from wideload.options import Options

CANONICAL_NAMES = {"kept_losses": "losses"}
"""Names in the canonical form of fields that have another name today."""


class Terms(Options):
    """What an experiment and each of its cases have in common.

    Attributes:
        workload: what is trained.
        threads: compute threads of each rank.
        warmup_steps: steps before the clock starts.
        evaluate: whether to measure the held-out split after the last step.
        eval_every: steps between evaluations during training, which are not on the clock; None: no such evaluations.
        select: which state is tested: that after the ``last`` step, or the one with the ``best`` AUC on the validation
            split, which is then evaluated during training, every ``eval_every`` steps or after each pass.
        patience: with ``best``: training stops after so many evaluations without a better AUC; None: never.
        cold_start: whether to measure separately the held-out examples with a value that did not occur in training, and
            the others.
        preload: read and compile every batch before the first step, and keep them in memory: what is timed is then the
            step alone, without input.
        trace: whether to keep a timeline of every step.
    """

    workload: Workload
    threads: int = Field(default=1, ge=1)
    warmup_steps: int = Field(default=0, ge=0)
    evaluate: bool = True
    eval_every: int | None = Field(default=None, ge=1)
    select: Literal["last", "best"] = "last"
    patience: int | None = Field(default=None, ge=1)
    cold_start: bool = False
    preload: bool = False
    trace: bool = False

    @model_validator(mode="after")
    def _selectable(self) -> Self:
        if self.select == "best" and not self.evaluate:
            raise ValueError("select = 'best' needs evaluate = true")
        if self.patience is not None and self.select != "best":
            raise ValueError("patience needs select = 'best', which says what must get better")
        return self

    def without_evaluation(self) -> Self:
        """The same, for cases whose predictions nobody needs."""
        return self.changed(evaluate=False, eval_every=None, select="last", patience=None, cold_start=False)


class Case(Terms):
    """What one job measures.

    Attributes:
        options: the strategy's options, validated; only those that differ from their defaults.
        distributed: False for a strategy that runs in one process, whatever ``ranks`` is.
        repeat: which repeat of the measurement this is, from 0.
        kept_losses: the loss of so many steps is kept step by step, then that of every n-th.
        handicap: share by which every step is prolonged on purpose, to calibrate the measurement.
    """

    kind: Kind = "train"
    strategy: str
    options: dict[str, Any] = Field(default_factory=dict)
    distributed: bool = True
    ranks: int = Field(ge=1)
    repeat: int = Field(default=0, ge=0)
    kept_losses: int = 200
    handicap: float = Field(default=0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, values: Any) -> Any:
        """The command of a record refers to a job file, which may have been written under the old names."""
        if not isinstance(values, dict):
            return values
        today = {old: new for new, old in CANONICAL_NAMES.items()}
        return {today.get(key, key): value for key, value in values.items()}

    @classmethod
    def of(
        cls,
        terms: Terms,
        *,
        kind: Kind,
        strategy: str,
        options: dict[str, Any],
        distributed: bool,
        ranks: int,
        repeat: int,
        kept_losses: int,
    ) -> Self:
        """The case of an experiment with these terms."""
        return cls(
            kind=kind,
            strategy=strategy,
            options=options,
            distributed=distributed,
            ranks=ranks,
            repeat=repeat,
            kept_losses=kept_losses,
            **{name: getattr(terms, name) for name in Terms.model_fields},
        )

    @property
    def _later(self) -> set[str]:
        """Terms that came later and are not used: a case without them keeps its id."""
        return {name for name in ("select", "patience") if getattr(self, name) == Terms.model_fields[name].default}

    @property
    def processes(self) -> int:
        """Processes of the job."""
        return self.ranks if self.distributed else 1

    @property
    def threads_per_process(self) -> int:
        """Compute threads of each process; a single one gets the cores of all the ranks that it is compared with."""
        return self.threads if self.distributed else self.ranks * self.threads

    @property
    def case_id(self) -> str:
        """12 hex digits, readable prefix first: ``sparse_ps-r2-0-1f3a...``."""
        content = self.model_dump(mode="json", exclude=self._later) | {"workload": self.workload.canonical}
        digest = fingerprint({CANONICAL_NAMES.get(key, key): value for key, value in content.items()}, size=6)
        name = self.strategy if self.kind == "train" else self.kind
        return f"{name}-r{self.ranks}-{self.repeat}-{digest}"
