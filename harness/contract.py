"""The contract that every entry in the race keeps.

::

    Strategy  name, summary, options            what it is, cheap to import
              availability()                    usable here, or the reason why not
              build(workload, layout, cluster)  -> Trainer, called on every rank

    Trainer   prefetch(batch)   optional hint: this batch comes next
              step(batch)       one synchronous (or asynchronous) training step  -> StepResult
              predict(batch)    probabilities, never changes a weight and never creates a row
              footprint()       bytes by owner
              save(dir), restore(dir), close()
              save_increment(dir, since), restore_increment(dir)    where ``incremental``
              cut(since)        -> Cut: a copy of this rank's part, to be written while training goes on

Loss and gradients are sums over a rank's examples divided by ``batch.global_size``, and are *added* over the ranks. So
unequal and empty shares of a batch need no special case, and R ranks follow one rank to float associativity. Rows after
the first ``batch.examples`` are padding: they have part in neither; what is predicted for them is not looked at.
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
    """Usable where all these modules can be imported; nothing is imported.

    Args:
        modules: names that wideload knows a remedy for.
        remedies: other modules by name, each with what to do where it is missing.
    """
    for module, remedy in {**{module: _REMEDIES[module] for module in modules}, **remedies}.items():
        if importlib.util.find_spec(module) is None:
            return Availability(False, f"{module} is not installed; {remedy}.")
    return Availability(True)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one rank saw of one step.

    Attributes:
        loss: this rank's contribution; the global loss is the sum over ranks.
        phases_ms: wall time by phase, among ``pull``, ``compute``, ``push``; phases a strategy cannot tell apart are
            missing, not guessed.
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
    """What one rank has written of a model: its files, and what :meth:`Cut.finish` needs, as plain data."""

    files: Sequence[Path]
    about: Any = None


class Cut(Protocol):
    """One rank's part of a model at one moment.

    It knows no other rank and nothing that changes, so any thread may use it.
    """

    def write(self, directory: Path) -> Written:
        """Writes this part below ``directory`` (which exists), once.

        Raises:
            OSError, CheckpointError: it cannot be written.
        """

    def finish(self, directory: Path, parts: Sequence[Any]) -> Sequence[Path]:
        """Adds what rank 0 says last, when all have written; the files.

        ``parts`` is what each said, in rank order.
        """


class Trainer(ABC):
    """One rank's running model. Made by :meth:`Strategy.build`; every rank calls the same methods in the same order."""

    incremental: ClassVar[bool] = False
    """Whether it can save what changed since an earlier checkpoint alone."""

    def prefetch(self, batch: Batch) -> None:
        """Announces the batch of the next ``step``. A hint: it changes no result."""

    @abstractmethod
    def step(self, batch: Batch) -> StepResult:
        """Trains on this rank's share of one global batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Probabilities ``[B]`` float32; reads only. Ranks call it equally often, with batches of any size."""

    @abstractmethod
    def footprint(self) -> Footprint:
        """Bytes by owner on this rank, now."""

    def finish(self) -> None:
        """Waits until every push of this rank is applied. A no-op where a step already waits."""

    def counters(self) -> Mapping[str, float]:
        """Totals since the start that belong in the record: bytes sent, unique signs, staleness counts..."""
        return {}

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Writes this rank's part of the model below ``directory`` (which exists)."""

    @abstractmethod
    def restore(self, directory: Path) -> None:
        """Loads what :meth:`save` wrote, under any number of ranks."""

    def track(self) -> None:
        """Announces increments: from the next :meth:`save` or :meth:`restore` on, remembers what they need."""

    def cut(self, since: int | None = None) -> Cut | None:  # noqa: ARG002 - of those who can
        """Copies what :meth:`save`, or with ``since`` :meth:`save_increment`, would write. None: not offered.

        Every rank calls it between the same two steps.
        """
        return None

    def save_increment(self, directory: Path, since: int) -> None:
        """Writes what the steps from ``since`` on changed.

        The last :meth:`save`, :meth:`cut`, :meth:`restore` or increment was after ``since`` steps.
        """
        raise NotImplementedError(f"{type(self).__name__} has no increments")

    def restore_increment(self, directory: Path) -> None:
        """Puts what :meth:`save_increment` wrote on top of what was restored before."""
        raise NotImplementedError(f"{type(self).__name__} has no increments")

    def close(self) -> None:
        """Frees threads and communicators; idempotent. May wait for the other ranks: one that failed leaves without."""


class Strategy(ABC):
    """A way to distribute a workload. Subclasses are found by name (see :mod:`wideload.strategies`)."""

    name: ClassVar[str]
    summary: ClassVar[str]
    keys: ClassVar[Keys]
    distributed: ClassVar[bool] = True
    """False: always one process, which gets the cores of all the ranks that it stands beside."""
    sharded: ClassVar[bool] = False
    """Whether tables of ``ids`` are spread over the ranks; otherwise every rank holds all rows of them."""
    owns_process: ClassVar[bool] = False
    """Whether what other strategies built before in the same process is lost."""
    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @property
    def synchronous(self) -> bool:
        """Whether its losses must follow the reference's: as the options say, where they have such a property."""
        return bool(getattr(self.options, "synchronous", True))

    @classmethod
    def availability(cls) -> Availability:
        """Must be cheap: looks for modules, does not import them."""
        return Availability(True)

    @abstractmethod
    def build(self, workload: Workload, layout: BatchLayout, cluster: Cluster) -> Trainer:
        """Creates this rank's trainer, with the weights that ``workload.seed`` prescribes."""
