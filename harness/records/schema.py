"""The records of a run, as ``docs/records.md`` describes them; read back by :mod:`wideload.harness.records.results`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from wideload.options import Spec

SCHEMA_VERSION = 1

Kind = Literal["train", "tower", "input", "alone"]
Status = Literal["ok", "failed", "timeout", "crashed", "refused"]


class Record(BaseModel):
    """Base of every stored record: frozen; unknown fields of newer versions are ignored; NaN is written as a string."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class RunRecord(Record):
    """One case: a workload under a strategy, once.

    Durations are milliseconds unless named otherwise, sizes bytes. Fields that were not measured are None, never 0.

    Attributes:
        kind: ``train``, or a ceiling: ``tower`` (dense tower fed from memory), ``input`` (data only), ``alone`` (every
            rank trains the reference strategy on its share, with no communication).
        attempt: 0 for the first time a case was run; the last attempt counts.
        options: the strategy's options that differ from their defaults.
        ranks: ranks of the job that the case stands for (``local`` runs in one process with their cores).
        processes, threads: processes started, and compute threads of each.
        batch_size: examples in one global batch.
        examples_per_second: over all ranks, between two barriers, after warm-up, evaluation excluded.
        step_ms: percentiles ``p10, p50, p90, p99`` and ``mean`` of rank 0's step time.
        phases_ms: mean per step of ``input, pull, compute, push`` over all ranks, those that are known.
        auc, logloss, copc: on the held-out split after the last step (COPC: clicks over predicted clicks).
        auc_new, auc_seen, new_share: the AUC apart, over the held-out examples with and without a value that training
            never showed, and the share of the former; where the experiment asked for it (``cold_start``).
        best_auc: best possible AUC where the truth is known.
        peak_rss_bytes: largest over the ranks; peak_pss_bytes: sum over the ranks.
        model_bytes: sum over the ranks, by owner (``weights, optimizer, index, buffers``).
        cpu_seconds_per_example, foreign_cores: CPU time of the job per example; busy cores that were not ours.
        flagged: reasons to distrust the timing (``foreign CPU 0.31 cores``); empty for a clean case.
        warmup_steps: steps before the clock started.
        hosts: where the ranks ran, one name a host.
        counters: totals over the ranks: ``wire_bytes, unique_signs, ...``.
        losses: global loss of every step up to 200 (parity), then thinned.
        parity: ``pass``, ``fail`` or None when not checked; parity_max: largest relative loss difference.
        fingerprints: hex digests of ``workload, problem, data, columns, weights, order``; and ``input``, where batches
            came from: ``stream`` or ``memory``.
        error: for a case that is not ok, one line; log_tail: the end of the guilty rank's log.
        command: repeats this case when pasted into a shell.
    """

    schema_version: int = SCHEMA_VERSION
    case_id: str
    status: Status
    kind: Kind = "train"
    attempt: int = 0
    strategy: str
    options: dict[str, Any] = {}
    dataset: str
    ranks: int
    processes: int
    threads: int
    repeat: int
    round: int = 0
    batch_size: int
    steps: int | None = None
    examples: int | None = None
    examples_per_second: float | None = None
    step_ms: dict[str, float] = {}
    phases_ms: dict[str, float] = {}
    auc: float | None = None
    logloss: float | None = None
    copc: float | None = None
    auc_new: float | None = None
    auc_seen: float | None = None
    new_share: float | None = None
    best_auc: float | None = None
    peak_rss_bytes: int | None = None
    peak_pss_bytes: int | None = None
    model_bytes: dict[str, int] = {}
    cpu_seconds_per_example: float | None = None
    foreign_cores: float | None = None
    flagged: list[str] = []
    warmup_steps: int | None = None
    hosts: list[str] = []
    counters: dict[str, float] = {}
    losses: list[float] = []
    parity: Literal["pass", "fail"] | None = None
    parity_max: float | None = None
    fingerprints: dict[str, str] = {}
    started: str = ""
    seconds: float | None = None
    command: str = ""
    error: str | None = None
    log_tail: str | None = None

    @property
    def label(self) -> str:
        """The strategy with its options, as a user would write it; ceilings are named by their kind."""
        if self.kind != "train":
            return f"{self.kind} ceiling"
        return str(Spec.of(self.strategy, self.options))


class RankRecord(Record):
    """One rank of one case."""

    schema_version: int = SCHEMA_VERSION
    case_id: str
    attempt: int = 0
    rank: int
    host: str
    status: Status
    exit_code: int | None = None
    signal: str | None = None
    pid: int | None = None
    peak_rss_bytes: int | None = None
    peak_pss_bytes: int | None = None
    cpu_seconds: float | None = None
    context_switches: int | None = None
    examples: int | None = None
    log_path: str = ""


class CurvePoint(Record):
    """Held-out metrics of one case after some training; ``seconds`` is training time, evaluation excluded."""

    case_id: str
    step: int
    examples: int
    seconds: float
    auc: float
    logloss: float


class ParityRecord(Record):
    """How closely one strategy's losses follow the reference.

    ``max_relative`` is ``max over steps of |loss - reference| / max(|reference|, 1e-12)``.
    """

    schema_version: int = SCHEMA_VERSION
    case_id: str
    reference: str
    strategy: str
    options: dict[str, Any] = {}
    dataset: str
    ranks: int
    steps: int
    max_relative: float | None
    tolerance: float
    verdict: Literal["pass", "fail", "not run"]
    reason: str = ""
