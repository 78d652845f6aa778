"""Experiment keys under the names that they had before, which are still read: in files, options, matrices and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wideload.errors import UsageError

RENAMED = {
    "foreign_limit": "background_limit",
    "foreign_retries": "background_retries",
    "checkpoint_every": "checkpoint.every",
    "checkpoint_seconds": "checkpoint.seconds",
    "checkpoint_keep": "checkpoint.keep",
    "checkpoint_full_every": "checkpoint.full_every",
    "checkpoint_background": "checkpoint.background",
    "checkpoint_mirror": "checkpoint.mirror",
}
"""Today's names, dotted, by the old ones."""


def current(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """An experiment's document under today's names, its ``matrix``, ``exclude`` and ``include`` too.

    Args:
        document: as parsed from TOML; whatever else is wrong with it is left for validation to find.
        where: names the document in errors.

    Raises:
        UsageError: a key is given under both names.
    """
    renamed = _renamed(document, where)
    if isinstance(matrix := renamed.get("matrix"), Mapping):
        renamed["matrix"] = _renamed(matrix, f"matrix of {where}")
    for key in ("exclude", "include"):
        if isinstance(tables := renamed.get(key), list | tuple):
            renamed[key] = [
                _renamed(table, f"{key} of {where}") if isinstance(table, Mapping) else table for table in tables
            ]
    return renamed


def overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted overrides under today's names."""
    return {RENAMED.get(key, key): value for key, value in given.items()}


def _renamed(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    renamed = {key: value for key, value in table.items() if key not in RENAMED}
    for old in (key for key in table if key in RENAMED):
        head, _, rest = RENAMED[old].partition(".")
        if not rest:
            _refuse_both(old, renamed, head, where)
            renamed[head] = table[old]
            continue
        inner = renamed.get(head, {})
        if not isinstance(inner, Mapping):
            raise UsageError(f"{where}: {head} is a table, as in {head}.{rest} = ... (given: {inner!r}).")
        _refuse_both(old, inner, rest, where)
        renamed[head] = {**inner, rest: table[old]}
    return renamed


def _refuse_both(old: str, table: Mapping[str, Any], new: str, where: str) -> None:
    if new in table:
        raise UsageError(f"{where}: {old} is the old name of {RENAMED[old]}, which is given too. Remove {old}.")
