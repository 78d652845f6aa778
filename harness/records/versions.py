"""Records of earlier schema versions, read in the form of today's.

=======  ==============================================================================================
version  differences from the next one
=======  ==============================================================================================
0        fields that came later are missing; they have defaults
1        ``foreign_cores`` (now ``background_cores``); ``flagged`` held texts (now a kind and a text each);
         the reason of a case that was not judged for parity was a text alone (now also ``not_judged``)
2        today's
=======  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from wideload.errors import DataError
from wideload.harness.records.reasons import FlagKind, NotJudged
from wideload.harness.records.schema import SCHEMA_VERSION

RecordT = TypeVar("RecordT", bound=BaseModel)

_BACKGROUND = "foreign CPU "
_REASONS = {
    "not synchronous": NotJudged.ASYNCHRONOUS,
    "no reference": NotJudged.NO_REFERENCE,
    "not the same": NotJudged.OTHER_PROBLEM,
    "no steps": NotJudged.NO_STEPS,
}
_STATUSES = ("failed: ", "timeout: ", "crashed: ", "refused: ")


def read(line: bytes, model: type[RecordT], path: Path) -> RecordT:
    """One record from its line of JSON, whatever version wrote it.

    Raises:
        DataError: a version that this wideload does not know; ``path`` is named.
        ValueError: not JSON, or not such a record.
    """
    content = from_json(line)
    if isinstance(content, dict):
        content = current(content, path)
    return model.model_validate(content)


def current(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The fields of a stored record under today's names.

    Raises:
        DataError: a version that this wideload does not know.
    """
    version = content.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and not 0 <= version <= SCHEMA_VERSION:
        raise DataError(
            f"{path}: written with schema version {version}; this wideload reads versions up to {SCHEMA_VERSION}. "
            "Read the folder with the wideload that wrote it, or a newer one: pip install --upgrade wideload."
        )
    return _from_version_1(content) if version in (0, 1) else dict(content)


def _from_version_1(old: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(old) | {"schema_version": SCHEMA_VERSION}
    if "foreign_cores" in new:
        new["background_cores"] = new.pop("foreign_cores")
    if isinstance(new.get("flagged"), list):
        new["flagged"] = [_flag(reason) if isinstance(reason, str) else reason for reason in new["flagged"]]
    if new.get("verdict") == "not run" and isinstance(new.get("reason"), str):
        new["not_judged"] = _cause(new["reason"])
    return new


def _flag(reason: str) -> dict[str, str]:
    if reason.startswith(_BACKGROUND):
        return {
            "kind": FlagKind.BACKGROUND_LOAD,
            "text": f"background CPU load: {reason.removeprefix(_BACKGROUND)}",
        }
    kind = FlagKind.UNCLEAN_EXIT if "did not exit cleanly" in reason else FlagKind.OTHER
    return {"kind": kind, "text": reason}


def _cause(reason: str) -> NotJudged:
    if reason.startswith(_STATUSES):
        return NotJudged.NOT_OK
    if " of the reference" in reason:
        return NotJudged.SHORT_REFERENCE
    return next((cause for start, cause in _REASONS.items() if reason.startswith(start)), NotJudged.OTHER)
