"""The strategy contract: what a strategy implements, and what it may rely on.

::

    Strategy  name, summary, options            what it is; cheap to import
              availability()                    whether it can run here, or the reason why not
              build(workload, layout, cluster)  -> Trainer; called on every rank

    Trainer   prefetch(batch)   optional hint: the batch of the step after the next one
              step(batch)       one synchronous (or asynchronous) training step  -> StepResult
              predict(batch)    probabilities; never changes a weight and never creates a row
              footprint()       bytes by owner
              save(dir), restore(dir), close()
              save_increment(dir, since), restore_increment(dir)    where ``incremental``
              snapshot(since)   -> Snapshot: a copy of this rank's part, to be written while training continues

Loss and gradients are sums over a rank's examples divided by ``batch.global_size``, and are *added* over the ranks. So
unequal and empty shares of a batch need no special case, and R ranks compute what one rank computes, up to the
associativity of float addition. Rows after the first ``batch.examples`` are padding: they contribute to neither, and
what is predicted for them is not used.

Order. What the harness guarantees to a trainer, and what a script that uses trainers by itself must keep to. A call is
*collective* when every rank makes it at the same place of its sequence of calls; only such a call may wait for other
ranks.

=========================  ==========  =====================================================================
call                       collective  when
=========================  ==========  =====================================================================
``build``                  yes         once in a job
``track``                  yes         at most once, before the first ``save``, ``restore`` or ``step``
``restore``                yes         before the first step, or later: it replaces the whole state
``restore_increment``      yes         after ``restore``, or after the increment that it builds on
``prefetch``               no          directly before ``step``, with the batch of the step after that one; left out
                                       before the last step, and before a checkpoint
``step``                   yes         every rank equally often; a share may be empty
``finish``                 yes         after the last step, and before each of the next four
``predict``                yes         every rank equally often; batches of any size, empty ones too
``save``                   yes         all ranks into one folder
``save_increment``         yes         the same
``snapshot``               yes         the same; followed by steps while it is written
``footprint, counters``    no          between any two calls
``close``                  yes         last; again without effect. A rank on which a call has raised does not make it
=========================  ==========  =====================================================================

Threads. One thread of each rank, the one that called ``build``, makes all calls, one after the other. A trainer needs
no lock against its callers. The exception is a :class:`Snapshot`: its methods run in a background thread while the
calls above continue. A trainer may start threads of its own, which end in ``close``. Processes are not forked after
``build``.

Errors. After an ``OSError`` or ``CheckpointError`` of ``save``, ``save_increment`` or a snapshot's methods, all ranks
give the checkpoint up and training continues. After any other exception the trainer is not used again: the rank
reports the error and ends, without ``close``. A call that takes longer than the job's ``stall_limit`` is taken for a
hang, and the job is ended.

:class:`wideload.testing.StrategyContract` holds the tests of all this.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from wideload.harness.cluster import Cluster
from wideload.harness.features.layout import Batch, BatchLayout, Keys
from wideload.harness.workload.workload import Workload
from wideload.options import Options as AnyOptions


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a strategy can run here; ``reason`` says what is missing and what to do about it."""

    usable: bool
    reason: str = ""


_REMEDIES = {
    "tensorflow": "run `pip install 'wideload[tensorflow]'`",
    "mpi4py": "run `pip install mpi4py`, and install an MPI (`pip install mpich`)",
    "wideload._native": "build wideload's native part: `pip install --no-build-isolation -e .`",
}


def require(*modules: str, **remedies: str) -> Availability:
    """Usable if all these modules can be imported. They are looked for, not imported; all that are missing are named.

    Args:
        modules: modules for which wideload knows what to advise.
        remedies: other modules by name, each with what to do if it is missing.
    """
    wanted = {**{module: _REMEDIES[module] for module in modules}, **remedies}
    lacking = [
        f"{module} is not installed; {remedy}."
        for module, remedy in wanted.items()
        if importlib.util.find_spec(module) is None
    ]
    return Availability(not lacking, " ".join(lacking))


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step on one rank.

    Attributes:
        loss: this rank's contribution; the global loss is the sum over ranks.
        phases_ms: wall time in milliseconds by phase: ``pull``, ``compute``, ``push``. Phases that a strategy cannot
            tell apart are left out, not guessed.
    """

    loss: float
    phases_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that a strategy itself accounts for on this rank."""

    weights: int = 0
    optimizer: int = 0
    index: int = 0
    buffers: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.optimizer + self.index + self.buffers


class Written(NamedTuple):
    """What one rank has written of a model: its files, and what :meth:`Snapshot.finish` needs, as data for JSON."""

    files: Sequence[Path]
    about: Any = None


class Snapshot(Protocol):
    """A copy of one rank's part of a model at one moment, which is written while training continues.

    It refers to no other rank and to nothing that changes, so any thread may use it. Its methods run in a background
    thread of the rank: they must not use MPI, which belongs to the training thread.
    """

    def write(self, directory: Path) -> Written:
        """Writes this part below ``directory``, which exists. Called once, on every rank, in no particular order.

        Raises:
            OSError, CheckpointError: it cannot be written.
        """

    def finish(self, directory: Path, parts: Sequence[Any]) -> Sequence[Path]:
        """Adds what needs all parts, and returns the files. Called on rank 0 alone, when all ranks have written.

        ``parts`` is what each rank's :meth:`write` returned as ``about``, in rank order.
        """


class Trainer(ABC):
    """One rank's running model, made by :meth:`Strategy.build`. The module's docstring states order and threads."""

    incremental: ClassVar[bool] = False
    """Whether it can save only what has changed since an earlier checkpoint."""

    def prefetch(self, batch: Batch) -> None:
        """Announces the batch of the step after the next one. A hint: it changes no result."""

    @abstractmethod
    def step(self, batch: Batch) -> StepResult:
        """Trains on this rank's share of one global batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Probabilities ``[B]`` float32. Reads only: no weight changes and no row is created."""

    @abstractmethod
    def footprint(self) -> Footprint:
        """Bytes by owner on this rank, now."""

    def finish(self) -> None:
        """Waits until every push of this rank is applied. Does nothing where a step already waits for that."""

    def counters(self) -> Mapping[str, float]:
        """Totals since the start, for the record: bytes sent, unique signs, staleness counts..."""
        return {}

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Writes this rank's part of the model below ``directory``, which exists.

        Raises:
            OSError, CheckpointError: it cannot be written.
        """

    @abstractmethod
    def restore(self, directory: Path) -> None:
        """Loads what :meth:`save` or a :class:`Snapshot` wrote, under any number of ranks.

        Raises:
            CheckpointError: there is no model in ``directory``, or it is damaged or does not fit.
        """

    def track(self) -> None:
        """Prepares for increments: from the next :meth:`save` or :meth:`restore` on, remembers what they need."""

    def snapshot(self, since: int | None = None) -> Snapshot | None:
        """Copies what :meth:`save`, or with ``since`` :meth:`save_increment`, would write. None: not offered."""
        return self.cut(since)

    def cut(self, since: int | None = None) -> Snapshot | None:  # noqa: ARG002 - of those who can
        """The old name of :meth:`snapshot`, for strategies that override it under that name."""
        return None

    def save_increment(self, directory: Path, since: int) -> None:
        """Writes what has changed since step ``since``, after which the last checkpoint was saved or restored."""
        raise NotImplementedError(f"{type(self).__name__} has no increments")

    def restore_increment(self, directory: Path) -> None:
        """Loads what :meth:`save_increment` wrote, on top of what was restored before."""
        raise NotImplementedError(f"{type(self).__name__} has no increments")

    def close(self) -> None:
        """Frees threads and communicators. A second call has no effect."""


class Strategy(ABC):
    """A way to distribute a workload. Subclasses are found by name (see :mod:`wideload.strategies`)."""

    name: ClassVar[str]
    summary: ClassVar[str]
    keys: ClassVar[Keys]
    distributed: ClassVar[bool] = True
    """False: always one process, which gets as many cores as all ranks of the jobs that it is compared with."""
    sharded: ClassVar[bool] = False
    """Whether tables of ``ids`` are split between the ranks; otherwise every rank holds all of their rows."""
    owns_process: ClassVar[bool] = False
    """Whether trainers that other strategies have built in the same process become unusable."""
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @property
    def synchronous(self) -> bool:
        """Whether its losses must follow the reference: what ``options.synchronous`` says, or true without it."""
        return bool(getattr(self.options, "synchronous", True))

    @classmethod
    def availability(cls) -> Availability:
        """Whether the strategy can run here. Must be cheap: it looks for modules and does not import them."""
        return Availability(True)

    @abstractmethod
    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        """Creates this rank's trainer, with the initial weights that ``workload.seed`` determines. Collective.

        Args:
            workload: what is trained.
            layout: of the batches that the trainer will be given.
            cluster: this rank's view of the job.
        """
