"""What the processes of a running job tell each other through files; gone from the reader's view once the case is
recorded.

::

    RUN/state/CASE/job.json        the Job, written by the launcher
    RUN/state/CASE/warden.N.json   Sign of life of rank N's warden, replaced every second, and once more at the end
    RUN/state/CASE/rank.N.json     Outcome of rank N: what it measured, or why it gave up
    RUN/state/CASE/eval.STEP.N.npy float32 [2, examples]: labels and predictions of rank N

Every file is written under another name and renamed, so a reader sees all of it or nothing. The folder must be visible
to every host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from wideload import files
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.checkpointing import Settings


class Message(BaseModel):
    """Base of the files of a running job."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Job(Message):
    """What a rank must know beside its case."""

    case: Case
    folder: str
    logs: str
    log_limit: int
    checkpoints: Settings | None = None

    @property
    def path(self) -> Path:
        return Path(self.folder)


class RankStatus(Message):
    """One rank as its warden sees it.

    Attributes:
        count: grows with every sign.
        idle_seconds: since the rank last showed progress; stopped: it is stopped by a signal.
        ended: the rank is gone; exit_code or signal tells how.
        peak_rss_bytes, cpu_seconds, context_switches: by the kernel, when the rank is gone.
        warden_cpu_seconds: what watching cost.
    """

    rank: int
    host: str
    pid: int
    warden_pid: int
    count: int = 0
    beats: int = 0
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
    warden_cpu_seconds: float = 0.0
    log_bytes: int = 0


class Point(Message):
    """An evaluation that took place: its predictions lie in ``eval.STEP.N.npy``."""

    step: int
    examples: int
    seconds: float


class Outcome(Message):
    """What one rank measured, or why it gave up.

    Attributes:
        error: one line; None when all went well.
        steps, examples: trained in all, this rank's share.
        window_seconds, window_examples, window_cpu_seconds: within the clock; examples of the *global* batches.
        busy_seconds: CPU time of the whole machine within the clock; machine: which one.
        losses: this rank's contribution to the loss of each step.
        marks: examples, clicks and values of the first batches, this rank's share.
        step_ms: raw samples within the clock; phases_ms: totals within the clock.
        pss_bytes: when training had ended.
        overhead_cpu_seconds: of this rank's warden, within the clock.
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
    machine: str = ""
    losses: list[float] = []
    marks: list[int] = []
    step_ms: list[float] = []
    phases_ms: dict[str, float] = {}
    pss_bytes: int | None = None
    footprint: dict[str, int] = {}
    counters: dict[str, float] = {}
    fingerprints: dict[str, str] = {}
    points: list[Point] = []


MessageT = TypeVar("MessageT", bound=Message)


def write(path: Path, message: Message) -> None:
    """Puts a message in place, whole. After a power failure nobody asks for it, so nothing waits for the disk."""
    files.write(path, message.model_dump_json(), durable=False)


def read(path: Path, model: type[MessageT]) -> MessageT | None:
    """The message, or None while there is none."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def status_path(folder: Path, rank: int) -> Path:
    return folder / f"warden.{rank}.json"


def outcome_path(folder: Path, rank: int) -> Path:
    return folder / f"rank.{rank}.json"


PREDICTIONS = "eval.*.npy"
"""What :func:`predictions_path` names; a case that goes on needs those of its earlier evaluations."""


def novelty_path(folder: Path, rank: int) -> Path:
    """Which of a rank's held-out examples hold values that training never showed."""
    return folder / f"new.{rank}.npy"


def predictions_path(folder: Path, step: int, rank: int) -> Path:
    return folder / f"eval.{step}.{rank}.npy"
