"""Everything that wideload raises on purpose.

::

    WideloadError
    ├── UsageError            the user asked for something that does not exist or does not fit
    │   ├── UnknownNameError  an unknown strategy, data set, option or key; names the nearest valid one
    │   └── ColumnError       a feature column or the data under it; names the column (and the row)
    ├── DataError             a file is damaged or has another form than declared; names the file
    ├── UnavailableError      something is missing on this machine; says what to install
    ├── ClusterError          ranks disagree, a rank is missing or a peer did not answer in time
    └── CheckpointError       a checkpoint is incomplete, damaged or does not fit

Every message says what was given, what is valid, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WideloadError(Exception):
    """Root of the tree: catch this to catch everything that wideload raises on purpose."""


class UsageError(WideloadError):
    """The request itself is wrong."""


class UnknownNameError(UsageError):
    """A name that is not among the valid ones.

    Args:
        kind: what was named, for the message: ``"strategy"``, ``"option of sparse_ps"``.
        given: the name as the user wrote it.
        valid: every name that would have been accepted.
    """

    def __init__(self, kind: str, given: str, valid: Iterable[str]) -> None:
        self.kind = kind
        self.given = given
        self.valid = tuple(sorted(valid))
        near = nearest(given, self.valid)
        hint = f" Did you mean {near!r}?" if near else ""
        listing = ", ".join(self.valid) or "none"
        super().__init__(f"unknown {kind} {given!r}.{hint} Valid: {listing}.")


class ColumnError(UsageError):
    """A feature column is declared wrongly, or the data does not fit its declaration."""


class DataError(WideloadError):
    """A data file is damaged, truncated or not of the declared form."""


class UnavailableError(WideloadError):
    """Something is missing on this machine."""


class ClusterError(WideloadError):
    """The ranks of a job disagree, or one of them is gone."""


class CheckpointError(WideloadError):
    """A checkpoint cannot be used."""


def nearest(given: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to what was given, or None when nothing is close."""
    match = difflib.get_close_matches(given, list(valid), n=1, cutoff=0.5)
    return match[0] if match else None
