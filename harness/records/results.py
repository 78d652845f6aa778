"""The files of a run folder, and how to read them back. Reports and comparisons read nothing else.

::

    RUN/experiment.toml     the experiment as it was requested; a second one in the same folder is experiment-2.toml
    RUN/environment.json    machine, versions, thread settings
    RUN/packages.txt        every installed package with its version
    RUN/runs.jsonl          one RunRecord a line: one per case, appended when the case ends, however it ends
    RUN/ranks.jsonl         one RankRecord a line: one per rank of every case
    RUN/logs/CASE.RANK.log  output of each rank
    RUN/curves/CASE.jsonl   one CurvePoint a line: held-out metrics during training
    RUN/checks.jsonl        one ParityRecord a line: written by ``wideload check`` and by ``run`` with parity on

JSON Lines are the source of everything else. ``schema_version`` grows when a field changes its name or its meaning.
Older versions are read (:mod:`wideload.harness.records.versions`), newer ones are refused, unknown fields are ignored.
A case that was run again has several lines: the last attempt counts. A line that cannot be read (the disk was full, the
machine went down) is skipped and named in :attr:`Results.warnings`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from wideload.errors import UsageError
from wideload.harness.records import versions
from wideload.harness.records.microbenchmarks import Microbenchmarks
from wideload.harness.records.reasons import Cause, FlagKind, NotJudged
from wideload.harness.records.schema import (
    SCHEMA_VERSION,
    CurvePoint,
    Flag,
    Kind,
    ParityRecord,
    RankRecord,
    Record,
    RunRecord,
    Status,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA_VERSION",
    "Cause",
    "CurvePoint",
    "Flag",
    "FlagKind",
    "Kind",
    "NotJudged",
    "ParityRecord",
    "RankRecord",
    "Record",
    "Results",
    "RunRecord",
    "Status",
    "experiment_files",
    "load_results",
    "read_lines",
]


@dataclass(frozen=True, slots=True)
class Results:
    """The content of a run folder. ``runs`` and ``ranks`` hold the last attempt of every case, ordered by the first.

    Attributes:
        curves: points by case_id; a case that was not evaluated during training is absent.
        environment, experiment: as stored; empty when the file is missing.
        warnings: one line for each thing that could not be read.
    """

    path: Path
    runs: tuple[RunRecord, ...]
    ranks: tuple[RankRecord, ...]
    curves: dict[str, tuple[CurvePoint, ...]]
    checks: tuple[ParityRecord, ...]
    environment: dict[str, Any]
    experiment: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path | str) -> Results:
        """Reads a run folder, complete or not.

        Raises:
            UsageError: ``path`` is not a run folder.
            DataError: it was written by a newer wideload.
        """
        folder = Path(path)
        if not (folder / "runs.jsonl").is_file() and not (folder / "checks.jsonl").is_file():
            raise UsageError(f"{folder} is not a run folder: it holds neither runs.jsonl nor checks.jsonl.")
        warnings: list[str] = []
        runs = _last_attempts(read_lines(folder / "runs.jsonl", RunRecord, warnings), lambda run: run.case_id)
        ranks = _last_attempts(
            read_lines(folder / "ranks.jsonl", RankRecord, warnings), lambda rank: (rank.case_id, rank.rank)
        )
        curves = {
            file.stem: tuple(read_lines(file, CurvePoint, warnings)) for file in sorted(folder.glob("curves/*.jsonl"))
        }
        checks = {check.case_id: check for check in read_lines(folder / "checks.jsonl", ParityRecord, warnings)}
        environment = _read_environment(folder / "environment.json", warnings)
        experiment = _read_experiment(folder / "experiment.toml", warnings)
        return cls(
            folder, tuple(runs), tuple(ranks), curves, tuple(checks.values()), environment, experiment, tuple(warnings)
        )

    def ranks_of(self, case_id: str) -> tuple[RankRecord, ...]:
        return tuple(rank for rank in self.ranks if rank.case_id == case_id)

    def frame(self) -> pd.DataFrame:
        """One row a case; the entries of nested fields become columns such as ``step_ms.p50``."""
        import pandas as pd

        return pd.DataFrame([_flat(run) for run in self.runs])


def experiment_files(folder: Path) -> list[Path]:
    """The experiment files of a run folder, in the order in which they were first run."""
    return sorted(folder.glob("experiment*.toml"), key=lambda path: (len(path.name), path.name))


def load_results(path: Path | str) -> pd.DataFrame:
    """Results as a table.

    Args:
        path: a run folder, one row a case (see :meth:`Results.frame`); or the file that ``pytest --benchmark-json``
            wrote, one row a benchmark (see :meth:`wideload.harness.records.microbenchmarks.Microbenchmarks.frame`).

    Raises:
        UsageError: ``path`` is no run folder.
        DataError: ``path`` is a file, and not of pytest-benchmark; or a folder that a newer wideload wrote.
    """
    if Path(path).is_file():
        return Microbenchmarks.read(Path(path)).frame()
    return Results.read(path).frame()


RecordT = TypeVar("RecordT", bound=BaseModel)


def read_lines(path: Path, model: type[RecordT], warnings: list[str]) -> list[RecordT]:
    """Every readable record of a JSON Lines file; each unreadable line adds one warning. No file, no records.

    Raises:
        DataError: a record of a schema version that this wideload does not know.
    """
    if not path.is_file():
        return []
    records = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(versions.read(line, model, path))
        except ValueError as error:
            warnings.append(f"{path.name}:{number}: skipped: {_first_problem(error)}")
    return records


def _first_problem(error: ValueError) -> str:
    return str(error.errors(include_url=False)[0]["msg"]) if isinstance(error, ValidationError) else str(error)


AttemptT = TypeVar("AttemptT", RunRecord, RankRecord)


def _last_attempts(records: Iterable[AttemptT], key: Any) -> list[AttemptT]:
    last: dict[Any, AttemptT] = {}
    for record in records:
        known = last.get(key(record))
        if known is None or record.attempt >= known.attempt:
            last[key(record)] = record
    return list(last.values())


def _read_environment(path: Path, warnings: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        warnings.append(f"{path.name}: skipped: {error}")
        return {}
    return content


def _read_experiment(path: Path, warnings: list[str]) -> dict[str, Any]:
    import tomllib

    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        warnings.append(f"{path.name}: skipped: {error}")
        return {}


def _flat(run: RunRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"label": run.label}
    for name, value in run.model_dump().items():
        if isinstance(value, dict) and name != "options":
            row |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            row[name] = value
    return row
