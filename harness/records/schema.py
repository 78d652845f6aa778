"""The records of a run (``docs/reference/records.md``); :mod:`wideload.harness.records.results` reads them.

A :class:`RunRecord` is put together from typed parts, each made where its values are known::

    Identity + Ending  (+ Training + Memory + Quality when it ended well) (+ ParityVerdict when it was checked)
                      ──RunRecord.of──►  RunRecord
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from wideload.harness.records.reasons import Cause, FlagKind, NotJudged
from wideload.options import Spec

SCHEMA_VERSION = 2
"""1: ``foreign_cores``; ``flagged`` held texts alone. See :mod:`wideload.harness.records.versions`."""

Kind = Literal["train", "tower", "input", "alone"]
Status = Literal["ok", "failed", "timeout", "crashed", "refused"]


class Record(BaseModel):
    """Base of every stored record: frozen; unknown fields of newer versions are ignored; NaN is written as a string."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Flag(Record):
    """A reason to distrust a result: its kind for programs, its text for people."""

    kind: FlagKind
    text: str

    def __str__(self) -> str:
        return self.text


class Identity(Record):
    """Which case a record is about, and what it ran.

    Attributes:
        kind: ``train``, or a ceiling: ``tower`` (dense tower fed from memory), ``input`` (data only), ``alone`` (every
            rank trains the reference strategy on its share, with no communication).
        attempt: 0 for the first time a case was run; the last attempt counts.
        options: the strategy's options that differ from their defaults.
        ranks: ranks of the job that the case stands for (``local`` runs in one process with their cores).
        processes, threads: processes started, and compute threads of each.
        batch_size: examples in one global batch.
        seed: of the workload; None in older records.
        fingerprints: hex digests of ``workload, unseeded, problem, data, columns, weights, order``; and ``input``,
            where batches came from: ``stream`` or ``memory``. Only the first two for a case that is not ok.
    """

    schema_version: int = SCHEMA_VERSION
    case_id: str
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
    seed: int | None = None
    fingerprints: dict[str, str] = {}


class Ending(Record):
    """How a case ended.

    Attributes:
        error: for a case that is not ok, one line; log_tail: the end of the failing rank's log.
        cause: what ``error`` says, for programs; None where the status says it all.
        started: UTC, ISO 8601; seconds: wall time of the whole job.
        hosts: where the ranks ran, one name a host.
        command: repeats this case when pasted into a shell.
    """

    status: Status
    error: str | None = None
    cause: Cause | None = None
    log_tail: str | None = None
    started: str = ""
    seconds: float | None = None
    hosts: list[str] = []
    command: str = ""


class Training(Record):
    """What training cost. Durations are milliseconds unless named otherwise, sizes are bytes.

    Attributes:
        steps, examples: global batches trained on; examples over all ranks.
        warmup_steps: steps before the clock started.
        examples_per_second: over all ranks, between two barriers, after warm-up, evaluation excluded.
        step_ms: percentiles ``p10, p50, p90, p99`` and ``mean`` of rank 0's step time.
        phases_ms: mean per step of ``input, pull, compute, push`` over all ranks, those that are known.
        model_bytes: sum over the ranks, by owner (``weights, optimizer, index, buffers``).
        cpu_seconds_per_example: CPU time of the job per example.
        background_cores: busy cores that were not the job's own.
        cores: what the ranks of a machine may use together, by affinity and by the CPU quota of their container; the
            fewest of all machines.
        throttled_seconds: within the clock, time that a container waited for its CPU quota; the most of all machines.
        flagged: reasons to distrust the result; empty for a clean case.
        counters: totals over the ranks: ``wire_bytes, unique_signs, ...``.
        losses: global loss of every step up to 200 (parity), then thinned.
    """

    steps: int | None = None
    examples: int | None = None
    warmup_steps: int | None = None
    examples_per_second: float | None = None
    step_ms: dict[str, float] = {}
    phases_ms: dict[str, float] = {}
    model_bytes: dict[str, int] = {}
    cpu_seconds_per_example: float | None = None
    background_cores: float | None = None
    cores: float | None = None
    throttled_seconds: float | None = None
    flagged: list[Flag] = []
    counters: dict[str, float] = {}
    losses: list[float] = []


class Memory(Record):
    """``peak_rss_bytes``: largest over the ranks; ``peak_pss_bytes``: sum over the ranks; ``memory_limit_bytes``: what
    the ranks of a host may use together, the limit of their container or the machine's memory; the least of all hosts.
    """

    peak_rss_bytes: int | None = None
    peak_pss_bytes: int | None = None
    memory_limit_bytes: int | None = None


class Quality(Record):
    """How good the model's predictions are.

    Attributes:
        auc, logloss, copc: on the held-out split after the last step (COPC: clicks over predicted clicks).
        auc_new, auc_seen, new_share: the AUC of the held-out examples with and without a value that did not occur in
            training, and the share of the former; where the experiment asks for it (``cold_start``).
        best_auc: best possible AUC where the truth is known.
    """

    auc: float | None = None
    logloss: float | None = None
    copc: float | None = None
    auc_new: float | None = None
    auc_seen: float | None = None
    new_share: float | None = None
    best_auc: float | None = None


class ParityVerdict(Record):
    """``parity``: ``pass``, ``fail`` or None when not checked; ``parity_max``: largest relative loss difference."""

    parity: Literal["pass", "fail"] | None = None
    parity_max: float | None = None


Part = Identity | Ending | Training | Memory | Quality | ParityVerdict


class RunRecord(ParityVerdict, Quality, Memory, Training, Ending, Identity):
    """One case: a workload under a strategy, once. Its fields are those of its parts.

    Fields that were not measured are None, never 0.
    """

    @classmethod
    def of(cls, identity: Identity, ending: Ending, *measured: Part) -> Self:
        """The record that consists of these parts; the fields of parts that are not given keep their defaults."""
        return cls.model_validate({name: value for part in (identity, ending, *measured) for name, value in part})

    def replacing(self, part: Part) -> Self:
        """The same record with another part of that type."""
        # The fields of a part are fields of a record, and their values were validated when the part was made.
        return self.model_copy(update=dict(part))

    @property
    def label(self) -> str:
        """The strategy with its options, as a user would write it; ceilings are named by their kind."""
        if self.kind != "train":
            return f"{self.kind} ceiling"
        return str(Spec.of(self.strategy, self.options))

    @property
    def starved(self) -> str:
        """Why the speed of this run says nothing about its strategy: there was no core for every thread, or its quota
        made it wait. Empty for a run that had what it needed.
        """
        texts = [flag.text for flag in self.flagged if flag.kind in (FlagKind.OVERSUBSCRIBED, FlagKind.THROTTLED)]
        return texts[0] if texts else ""

    @property
    def throughput(self) -> float | None:
        """Examples per second as a property of the strategy: None for a run that was :attr:`starved`, too."""
        return None if self.starved else self.examples_per_second


class RankRecord(Record):
    """One rank of one case. ``counters`` are this rank's part of the run's."""

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
    counters: dict[str, float] = {}
    log_path: str = ""


class CurvePoint(Record):
    """Held-out metrics of one case after some training.

    Attributes:
        seconds: training time so far, evaluation excluded.
        evaluation_seconds: that rank 0 has spent on predictions so far, with those for this point.
    """

    case_id: str
    step: int
    examples: int
    seconds: float
    evaluation_seconds: float | None = None
    auc: float
    logloss: float


class ParityRecord(Record):
    """How closely one strategy's losses follow the reference.

    ``max_relative`` is ``max over steps of |loss - reference| / max(|reference|, 1e-12)``. ``not_judged`` and
    ``reason`` say why there is no verdict, for programs and for people.
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
    not_judged: NotJudged | None = None
    reason: str = ""
