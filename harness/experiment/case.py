"""One measurement: a workload under a strategy, on a job of some size, once.

``case_id`` is the hash of everything that decides what is measured; the same experiment gives the same ids, so finished
cases are recognised. Limits and places are not part of it. The hash is over the canonical form, whose names are on disk
in every run folder: a field that gets a new name keeps its old one there (:data:`CANONICAL_NAMES`).
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wideload.harness.records.results import Kind
from wideload.harness.workload.workload import Workload
from wideload.hashing import fingerprint
from wideload.options import Options

CANONICAL_NAMES = {"kept_losses": "losses"}
"""Names in the canonical form of fields that have another name today."""


class Case(Options):
    """What one job measures.

    Attributes:
        options: of the strategy, validated; those that differ from their defaults.
        distributed: False for a strategy that runs in one process whatever ``ranks`` says.
        handicap: share by which every step is prolonged on purpose: how the instrument is calibrated.
        cold_start: whether held-out examples with values that training never showed are measured apart.
        preload: whether every batch is in memory before the first step.
        kept_losses: steps whose loss is kept one by one.
    """

    kind: Kind = "train"
    workload: Workload
    strategy: str
    options: dict[str, Any] = Field(default_factory=dict)
    distributed: bool = True
    ranks: int = Field(ge=1)
    threads: int = Field(ge=1)
    repeat: int = Field(default=0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    evaluate: bool = True
    eval_every: int | None = None
    cold_start: bool = False
    preload: bool = False
    kept_losses: int = 200
    trace: bool = False
    handicap: float = Field(default=0.0, ge=0)

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
        content = self.model_dump(mode="json")
        digest = fingerprint({CANONICAL_NAMES.get(key, key): value for key, value in content.items()}, size=6)
        name = self.strategy if self.kind == "train" else self.kind
        return f"{name}-r{self.ranks}-{self.repeat}-{digest}"
