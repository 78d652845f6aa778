"""The files that are prepared, in reading order: each with the reader that reads it and the split that it stands for.

A path alone is read by one reader, which may know files as splits by their names. Where validation or test examples
have files of their own, each path stands for one split, and all are read by readers of the same format.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload.datasets.prepare import fitted
from wideload.datasets.prepare.request import Request
from wideload.datasets.readers import find
from wideload.datasets.readers.contract import Reader
from wideload.errors import DataError, UsageError
from wideload.options import validate


@dataclass(frozen=True, slots=True)
class Part:
    """One file.

    Attributes:
        split: that the whole file belongs to; None where its rows say it, or are split.
    """

    reader: Reader
    source: str
    split: str | None

    @property
    def bytes(self) -> int:
        """Size of the file; 0 behind a URL."""
        return 0 if "://" in self.source else Path(self.source).stat().st_size


def parts_of(request: Request, path: str) -> tuple[Part, ...]:
    """The files of a request that hold something.

    Raises:
        UsageError: an option is unknown, or a file is given for two splits.
        DataError: there are no files, or one is empty and the policy is ``error``.
    """
    found = list(_readable(request, _parts(request, path)))
    if not found:
        raise DataError(f"{path} is empty: it has no rows at all.")
    first: dict[str, Part] = {}
    for part in found:
        if first.setdefault(os.path.realpath(part.source), part) is not part:
            raise UsageError(f"{part.source} is given for two splits; a row can be in one only. Give another file.")
    return tuple(found)


def _parts(request: Request, path: str) -> Iterator[Part]:
    kind = find(request.reader)
    options = validate(kind.Options, _options(request), f"options of {request.reader}")
    official = {"validation": request.validation_file, "test": request.test_file}
    reader = kind(path, options)
    own = any(official.values())
    for source in reader.sources():
        yield Part(reader, source, "train" if own else reader.split_of(source))
    for split, place in official.items():
        if place is not None:
            other = kind(place, options)
            yield from (Part(other, source, split) for source in other.sources())


def _options(request: Request) -> dict[str, Any]:
    """The reader's options; what is not given is as it was for the folder that the data are prepared like."""
    if request.fitted_on is None:
        return request.options
    return fitted.options(Path(request.fitted_on), request.reader, request.options)


def _readable(request: Request, parts: Iterator[Part]) -> Iterator[Part]:
    """The parts without empty files; the policy ``error`` refuses empty files."""
    for part in parts:
        if "://" in part.source or part.bytes:
            yield part
        elif request.bad_rows.policy == "error":
            raise DataError(f"{part.source} is empty. Remove it, or leave it out with --bad-rows skip.")
