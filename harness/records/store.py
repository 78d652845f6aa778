"""Writes the run folder: append-only JSON Lines, each line on disk before the next case starts.

A line that a crash cut short is closed before the next one is added, so it costs one record and no more. A small
reserve
is kept on disk and freed when the disk is full: then there is room to record exactly that.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload import files
from wideload.errors import UsageError
from wideload.harness.records.results import CurvePoint, ParityRecord, RankRecord, Record, Results, RunRecord

RESERVE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class CaseRecords:
    """All records of one attempt at a case."""

    run: RunRecord
    ranks: list[RankRecord]
    curve: list[CurvePoint]


class Store:
    """One run folder. The constructor creates the folder.

    Raises:
        UsageError: the folder cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            (path / "curves").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be a run folder: {error.strerror}. Choose another with --output."
            ) from None
        self._reserve = path / ".reserve"
        if not self._reserve.exists():
            self._reserve.write_bytes(b"\0" * RESERVE_BYTES)

    def begin(self, experiment: str, environment: dict[str, Any], packages: str) -> None:
        """Stores the text of the experiment, a description of the machine that runs it, and its packages."""
        files.write(self._place_of(experiment), experiment)
        files.write(self.path / "packages.txt", packages)
        files.write(self.path / "environment.json", json.dumps(environment, indent=2) + "\n")

    def _place_of(self, text: str) -> Path:
        """Several experiments may share a folder: the second is stored as ``experiment-2.toml``."""
        names = itertools.chain(["experiment.toml"], (f"experiment-{number}.toml" for number in itertools.count(2)))
        places = (self.path / name for name in names)
        return next(place for place in places if not place.exists() or _same_experiment(place, text))

    def known(self) -> dict[str, RunRecord]:
        """The last attempt of every case that was recorded before, by case id."""
        if not (self.path / "runs.jsonl").exists():
            return {}
        return {run.case_id: run for run in Results.read(self.path).runs}

    def add(self, records: CaseRecords) -> None:
        """Appends the records of one attempt; the run's line last, as it is what makes the case done."""
        self._append("ranks.jsonl", records.ranks)
        curve = self.path / "curves" / f"{records.run.case_id}.jsonl"
        curve.unlink(missing_ok=True)
        if records.curve:
            self._append(f"curves/{curve.name}", records.curve)
        self._append("runs.jsonl", [records.run])

    def add_checks(self, checks: Sequence[ParityRecord]) -> None:
        self._append("checks.jsonl", checks)

    def _append(self, name: str, records: Iterable[Record]) -> None:
        text = "".join(f"{record.model_dump_json()}\n" for record in records).encode()
        try:
            append(self.path / name, text)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._reserve.unlink(missing_ok=True)
            append(self.path / name, text)


def _same_experiment(path: Path, text: str) -> bool:
    """Whether a file holds that experiment; the order of its keys does not matter."""
    kept = path.read_text(encoding="utf-8")
    try:
        return kept == text or tomllib.loads(kept) == tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False


def append(path: Path, text: bytes) -> None:
    """Adds whole lines and waits until they are on disk; a line that a full disk cut off is removed again."""
    with path.open("ab") as file:
        size = file.tell()
        lead = b"" if _ends_with_newline(path, size) else b"\n"
        try:
            file.write(lead + text)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, size)
            raise


def _ends_with_newline(path: Path, size: int) -> bool:
    if size == 0:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
