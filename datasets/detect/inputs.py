"""Which files of a path are looked at: all of one file or folder, or official train, validation and test files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wideload.datasets.readers.sources import files
from wideload.errors import DataError

_SPLITS = {
    "test": re.compile(r"(^|[^a-z])(test|testing)([^a-z]|$)", re.IGNORECASE),
    "validation": re.compile(r"(^|[^a-z])(val|valid|validation|dev)([^a-z]|$)", re.IGNORECASE),
    "train": re.compile(r"(^|[^a-z])(train|training)([^a-z]|$)", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files to prepare.

    Attributes:
        path: the training file, or the folder of all rows.
        files: all files that were found.
        official: the files of the splits ``validation`` and ``test``, where there are any.
    """

    path: str
    files: tuple[str, ...]
    official: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The file that is looked at: the first one of the training data."""
        return self.path if self.path in self.files else self.files[0]


def inputs_of(path: str) -> Inputs:
    """The files of a path; of a folder with one training and one test file, these as splits.

    Raises:
        DataError: there are none, or a folder has several training or test files: it is not clear what is meant.
    """
    found = files(path, "*", splits=True)
    if not Path(path).is_dir():
        return Inputs(path, found)
    splits = {split: [one for one in found if _split_of(one) == split] for split in _SPLITS}
    if not splits["train"] or not (splits["test"] or splits["validation"]):
        return Inputs(path, found)
    for split, ours in splits.items():
        if len(ours) > 1:
            names = ", ".join(Path(one).name for one in ours)
            raise DataError(
                f"{path} has several {split} files: {names}. Put each split into a folder, or give one file."
            )
    official = {split: ours[0] for split, ours in splits.items() if ours}
    return Inputs(official.pop("train"), found, official)


def _split_of(file: str) -> str | None:
    name = Path(file).name
    return next((split for split, pattern in _SPLITS.items() if pattern.search(name)), None)
