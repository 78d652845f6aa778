"""Bad rows, and what is done about them.

=========  =============================================================================================
policy     a bad row ...
=========  =============================================================================================
``error``  stops the work with a :class:`DataError` that names the file, line and reason
``skip``   is counted by reason; the first ones are written to a side file, with the reason and the row's text
=========  =============================================================================================

An optional limit stops the skipping. Nothing is dropped silently: rows in = rows out + rows rejected, always.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import Field

from wideload.errors import DataError
from wideload.options import Options

SIDE_FILE = "rejected.jsonl"


class BadRows(Options):
    """What to do with bad rows.

    Attributes:
        policy: ``error`` or ``skip``.
        limit: number of rejected rows above which ``skip`` stops with an error; None for no limit.
        keep: number of rejected rows that are written to the side file.
    """

    policy: Literal["error", "skip"] = "error"
    limit: int | None = Field(default=None, ge=0)
    keep: int = Field(default=100, ge=0)


class Reject(NamedTuple):
    """One rejected row; ``line`` (in binary formats the record) counts from 1, ``text`` is the beginning of the row."""

    source: str
    line: int
    reason: str
    text: str

    def as_json(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=True)


@dataclass(slots=True)
class Rejects:
    """The rows rejected so far.

    Attributes:
        policy: what to do with bad rows.
        reasons: number of rejected rows for each reason.
        kept: the rejected rows for the side file.
    """

    policy: BadRows
    reasons: Counter[str] = field(default_factory=Counter)
    kept: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.reasons.values())

    def add(self, rejects: Iterable[Reject]) -> None:
        """Records rejected rows.

        Raises:
            DataError: the policy is ``error``, or the limit is exceeded.
        """
        for reject in rejects:
            if self.policy.policy == "error":
                raise DataError(
                    f"{reject.source}:{reject.line}: {reject.reason}: {reject.text!r}. "
                    "Correct the file, or skip such rows with --bad-rows skip."
                )
            self.reasons[reject.reason] += 1
            if len(self.kept) < self.policy.keep:
                self.kept.append(reject)
            self._check_limit(reject)

    def _check_limit(self, reject: Reject) -> None:
        if self.policy.limit is not None and self.rows > self.policy.limit:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self.reasons.most_common(3))
            raise DataError(
                f"{reject.source}:{reject.line}: more than {self.policy.limit} bad rows: {reasons}. "
                "Is the file in another format? Otherwise raise --bad-rows-limit."
            )

    def state(self) -> dict[str, Any]:
        """Returns the state that :meth:`restored` takes, as JSON values."""
        return {"reasons": dict(self.reasons), "kept": [list(reject) for reject in self.kept]}

    @classmethod
    def restored(cls, policy: BadRows, state: dict[str, Any]) -> Rejects:
        return cls(policy, Counter(state["reasons"]), [Reject(*reject) for reject in state["kept"]])
