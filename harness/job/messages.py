"""The files through which the processes of a running job exchange messages. They stay in the run folder until the case
is run again; records are made from them, and nothing else reads them.

::

    RUN/state/CASE/job.json        the Job, written by the launcher
    RUN/state/CASE/status.N.json   RankStatus of rank N, written by its supervisor every second and at the end
    RUN/state/CASE/rank.N.json     Outcome of rank N: what it measured, or why it gave up
    RUN/state/CASE/eval.STEP.N.npy float32 [2, examples]: labels and predictions of rank N

Every file is written under another name and then renamed, so a reader sees all of it or nothing. All hosts must see the
folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from wideload import files
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.checkpointing import Settings


class Message(BaseModel):
    """Base class of the messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Job(Message):
    """A case, and what a rank needs to run it."""

    case: Case
    folder: str
    logs: str
    log_limit: int
    checkpoints: Settings | None = None

    @property
    def path(self) -> Path:
        return Path(self.folder)


class RankStatus(Message):
    """The state of one rank, as its supervisor sees it.

    Attributes:
        count: of statuses written so far.
        heartbeats: that the rank has sent so far.
        idle_seconds: since the last heartbeat; stopped: the process is stopped by a signal.
        ended: the rank has ended, with exit_code or by signal.
        peak_rss_bytes, cpu_seconds, context_switches: as counted by the kernel; set when the rank has ended.
        out_of_memory: the kernel killed the rank because memory ran out; memory_limit_bytes: what the rank's host, or
            its container, offers to all ranks there.
        cpus: numbers of the cores that the rank may run on before it binds itself; cpu_quota: cores that its container
            may use, None without a limit.
        supervisor_cpu_seconds: CPU time that the supervisor has used.
    """

    rank: int
    host: str
    pid: int
    supervisor_pid: int
    count: int = 0
    heartbeats: int = 0
    step: int = 0
    phase: str = "start"
    idle_seconds: float = 0.0
    stopped: bool = False
    ended: bool = False
    exit_code: int | None = None
    signal: int | None = None
    peak_rss_bytes: int | None = None
    peak_pss_bytes: int | None = None
    cpu_seconds: float | None = None
    context_switches: int | None = None
    out_of_memory: bool = False
    memory_limit_bytes: int | None = None
    cpus: list[int] = []
    cpu_quota: float | None = None
    supervisor_cpu_seconds: float = 0.0
    log_bytes: int = 0


class Point(Message):
    """One evaluation; its predictions are in ``eval.STEP.N.npy``.

    Attributes:
        seconds: of training so far; evaluation_seconds: that this rank has spent on predictions so far, with these.
    """

    step: int
    examples: int
    seconds: float
    evaluation_seconds: float | None = None


class Outcome(Message):
    """What one rank measured, or why it gave up.

    Attributes:
        error: one line; None when all went well.
        steps, examples: trained in all; examples of this rank only.
        window_seconds, window_examples, window_cpu_seconds: within the clock; examples of the *global* batches.
        busy_seconds: CPU time of the whole machine within the clock; machine: identifies it.
        throttled_seconds: within the clock, time that the container waited for its CPU quota.
        losses: this rank's contribution to the loss of each step.
        batch_checksums: examples, clicks and values of each of the first batches, of this rank only.
        step_ms: every step within the clock; phases_ms: totals within the clock.
        pss_bytes: at the end of training.
        overhead_cpu_seconds: CPU time of this rank's supervisor within the clock.
    """

    rank: int
    host: str
    pid: int
    error: str | None = None
    steps: int = 0
    examples: int = 0
    warmup_steps: int = 0
    window_seconds: float = 0.0
    window_examples: int = 0
    window_steps: int = 0
    window_cpu_seconds: float = 0.0
    overhead_cpu_seconds: float = 0.0
    busy_seconds: float = 0.0
    throttled_seconds: float = 0.0
    machine: str = ""
    losses: list[float] = []
    batch_checksums: list[int] = []
    step_ms: list[float] = []
    phases_ms: dict[str, float] = {}
    pss_bytes: int | None = None
    footprint: dict[str, int] = {}
    counters: dict[str, float] = {}
    fingerprints: dict[str, str] = {}
    points: list[Point] = []


MessageT = TypeVar("MessageT", bound=Message)


def write(path: Path, message: Message) -> None:
    """Writes a message atomically, but does not wait for the disk: nobody needs it after a power failure."""
    files.write(path, message.model_dump_json(), durable=False)


def read(path: Path, model: type[MessageT]) -> MessageT | None:
    """The message, or None if there is none yet."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def status_path(folder: Path, rank: int) -> Path:
    return folder / f"status.{rank}.json"


def outcome_path(folder: Path, rank: int) -> Path:
    return folder / f"rank.{rank}.json"


PREDICTIONS = "eval.*.npy"
"""The files of :func:`predictions_path`. A case that resumes needs those of its earlier evaluations."""


def novelty_path(folder: Path, rank: int) -> Path:
    """Flags of a rank's held-out examples that hold values which do not occur in training."""
    return folder / f"new.{rank}.npy"


def predictions_path(folder: Path, step: int, rank: int) -> Path:
    return folder / f"eval.{step}.{rank}.npy"
