"""Refuses a case that cannot fit on this machine, before it takes the machine down.

A replicated table needs four bytes in every process for each weight and for each float of optimizer state, plus a
gradient for what a batch touches. A table whose rows are spread over the processes needs that only once. A
sparse table needs at most what the examples can touch. The estimate is a lower bound: a case that it refuses would not
have fitted; the watchdog's memory guard catches the rest.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wideload import datasets
from wideload.errors import UsageError, WideloadError
from wideload.harness.experiment.case import Case
from wideload.harness.features.layout import BatchLayout
from wideload.harness.job.memory_limits import Host
from wideload.harness.records.results import Cause
from wideload.harness.workload.optimizers import Optimizer, state_floats

DISK_BYTES = 200_000_000
PROCESS_BYTES = 400_000_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a case is not started."""

    cause: Cause
    reason: str


def refusal(case: Case, run: Path, unavailable: str, keys: str, sharded: bool) -> Refusal | None:
    """Why the case cannot be started now; None if it can.

    Args:
        run: the run folder.
        unavailable: why the strategy is not usable here; empty if it is.
        keys, sharded: see :func:`memory_obstacle`.
    """
    if unavailable:
        return Refusal(Cause.NOT_INSTALLED, unavailable)
    if reason := disk_obstacle(run):
        return Refusal(Cause.DISK_FULL, reason)
    try:
        check_selection(case)
        reason = memory_obstacle(case, keys, sharded)
    except UsageError as error:
        return Refusal(Cause.WRONG_REQUEST, str(error))
    except WideloadError as error:
        return Refusal(Cause.BAD_DATA, str(error))
    return Refusal(Cause.DOES_NOT_FIT, reason) if reason else None


def check_selection(case: Case) -> None:
    """Refuses to choose by a validation split that is not there.

    Raises:
        UsageError: says how to get one.
    """
    if case.select == "best" and not datasets.load(case.workload.dataset).size("validation"):
        raise UsageError(
            f"select = 'best': {case.workload.dataset} has no validation split to choose by. Prepare the data with "
            "--validation 0.1, say, or leave `select` out."
        )


def disk_obstacle(run: Path) -> str:
    """Why nothing more can be recorded below ``run``; empty if it can."""
    free = shutil.disk_usage(run).free
    if free >= DISK_BYTES:
        return ""
    wanted = f"{free / 2**20:.0f} MiB are left on the disk of {run}, {DISK_BYTES / 2**20:.0f} MiB are needed"
    return f"{wanted}: free some space, or choose another place with --output."


def memory_obstacle(case: Case, keys: str, sharded: bool = False, memory: Host = Host()) -> str:  # noqa: B008
    """Why the case cannot fit into the memory that is free now; empty if it may fit.

    Args:
        keys: of the strategy, ``signs`` or ``ids``.
        memory: of this host; a container's limit counts.
        sharded: with ``ids``, whether the processes share the rows; otherwise each holds all of them.
    """
    from wideload.harness.features.adapter import FeatureColumnAdapter

    dataset = datasets.load(case.workload.dataset)
    adapter = FeatureColumnAdapter(case.workload.columns, dataset.schema(), keys="signs" if keys == "signs" else "ids")
    need = PROCESS_BYTES * case.processes
    if keys == "ids":
        need += table_bytes(case, adapter.layout) * (1 if sharded else case.processes)
    available = memory.available_bytes()
    if need <= available:
        return ""
    holding = "they share the rows" if sharded else "every process holds all rows"
    return (
        f"{case.strategy} needs at least {need / 2**30:.1f} GiB on {case.processes} processes "
        f"({holding}), {available / 2**30:.1f} GiB are free."
    )


def table_bytes(case: Case, layout: BatchLayout) -> int:
    """Weights and optimizer state of all tables, in one process."""
    model = case.workload.model
    return sum(
        4 * (table.rows or 0) * (_floats(table.wide, model.wide_optimizer) + _floats(table.dim, model.deep_optimizer))
        for table in layout.tables
    )


def _floats(dimension: int, optimizer: Optimizer) -> int:
    """Floats that a row keeps for one of its slices; a slice of no weights keeps none."""
    return dimension + state_floats(optimizer.state, dimension) if dimension else 0
