"""Writes plain data as TOML that ``tomllib`` reads back equal.

The scalars of a table come first, then its sub-tables, because TOML has no other order. None is left out, because TOML
has no null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dumps(data: Mapping[str, Any]) -> str:
    """The document for ``data``: strings, booleans, numbers, lists and mappings with string keys."""
    return "\n".join(_table(data, ())).lstrip("\n") + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in data.items() if _is_table(value)}
    for key, value in data.items():
        if key not in tables and value is not None:
            yield assignment(key, value)
    for key, value in tables.items():
        name = ".".join(_key(part) for part in (*path, key))
        for brackets, entry in (
            [("[{}]", value)] if isinstance(value, Mapping) else [("[[{}]]", each) for each in value]
        ):
            yield ""
            yield brackets.format(name)
            yield from _table(entry, (*path, key))


def assignment(key: str, value: Any) -> str:
    """One line: a key and its value, which may be a list or an inline table."""
    return f"{_key(key)} = {_value(value)}"


def _is_table(value: Any) -> bool:
    is_array = isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)
    return isinstance(value, Mapping) or is_array


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a valid TOML basic string but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else _value(key)
