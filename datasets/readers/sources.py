"""Which files of a folder are read, and in which order.

====================================  =================================================================================
file                                  what happens
====================================  =================================================================================
``day_2``, ``day_10``                 natural order: 2 before 10
``.x``, ``._x``, ``_SUCCESS``         skipped: hidden, or left by another program
``readme``, licences, ``*.md``,       skipped: no data
``sample_submission.csv``
``day_0`` and ``day_0.gz``            refused: the same rows twice
``train.csv`` and ``test.csv``        refused, unless the format says that files are splits: published test files have
                                      no labels
``day=2026-01-01/part.parquet``       read, where the folder holds no files of its own; ``day`` is a column
====================================  =================================================================================
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from wideload.datasets.text.blocks import COMPRESSED
from wideload.errors import DataError

_NO_DATA = re.compile(
    r"(read_?me|licen[cs]e|copying|changelog|notes?)(\..*)?$|sample_?submission|.*\.md$", re.IGNORECASE
)
_KEY = re.compile(r"([^=/]+)=(.*)")
_NULL = "__HIVE_DEFAULT_PARTITION__"


def files(path: str, *patterns: str, splits: bool = False) -> tuple[str, ...]:
    """``path`` itself, or the files in it that match; in natural order.

    Args:
        path: file, folder or URL.
        patterns: names of files; compressed ones match too.
        splits: whether each file may be a split.

    Raises:
        DataError: there is nothing, or it is not clear what is meant.
    """
    if "://" in path:
        return (path,)
    place = Path(path)
    if place.is_file():
        return (str(place),)
    every = [variant for pattern in patterns for variant in _variants(pattern)]
    found = _matching(place, every) or _matching(place, [f"*=*/**/{pattern}" for pattern in every])
    if not found:
        what = "does not exist" if not place.exists() else f"holds no file like {', '.join(patterns)}"
        raise DataError(f"{path} {what}: give a file of this format, or a folder with such files.")
    _refuse_doubles(found)
    if not splits:
        _refuse_test_files(found)
    return tuple(map(str, found))


def _variants(pattern: str) -> tuple[str, ...]:
    plain = pattern.endswith(("*", *COMPRESSED))
    return (pattern,) if plain else (pattern, *(f"{pattern}{suffix}" for suffix in COMPRESSED))


def _matching(place: Path, patterns: list[str]) -> list[Path]:
    found = {file for pattern in patterns for file in place.glob(pattern) if file.is_file()}
    data = [file for file in found if not file.name.startswith((".", "_")) and not _NO_DATA.match(file.name)]
    return sorted(data, key=lambda file: natural(str(file.relative_to(place))))


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by, in which numbers count as numbers."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _refuse_doubles(found: list[Path]) -> None:
    first: dict[Path, Path] = {}
    for file in found:
        plain = file.with_suffix("") if file.suffix.lower() in COMPRESSED else file
        if first.setdefault(plain, file) != file:
            raise DataError(
                f"{first[plain]} and {file.name} hold the same rows in two forms. Remove one, or give the file itself."
            )


def _refuse_test_files(found: list[Path]) -> None:
    train = [file for file in found if file.name.lower().startswith("train")]
    test = [file for file in found if file.name.lower().startswith("test")]
    if train and test:
        raise DataError(
            f"{train[0].parent} holds {train[0].name} and {test[0].name}; published test files have no labels. "
            f"Did you mean {train[0]}?"
        )


def keys_of(source: str) -> dict[str, str | None]:
    """The columns that the folders of a file stand for: ``day=2026-01-01/part.parquet`` has ``day``."""
    found = (_KEY.fullmatch(part) for part in Path(source).parent.parts)
    pairs = {match[1]: unquote(match[2]) for match in found if match}
    return {name: None if value == _NULL else value for name, value in pairs.items()}
