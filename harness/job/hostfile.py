"""Host files, read by wideload first, so that an error names the file and the line, and every MPI reads the same hosts.

::

    # a comment                 comments and blank lines are skipped
    node1                       one rank
    node1:2                     two ranks             as MPICH writes it
    node2 slots=4               four ranks            as Open MPI writes it
    node2 slots=4 max_slots=8   max_slots is accepted and not used
    node3:2  # a comment        comments may follow a host

A host that occurs twice gets the sum of its ranks. The launcher is given a file in its own syntax, without comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wideload.errors import UsageError

_LINE = re.compile(r"(?P<host>[\w.@-]+)(?::(?P<ranks>\S*))?(?P<settings>(?:\s+\S+)*)")
_SLOTS = ("slots", "cpu", "count")
_IGNORED = ("max_slots", "max-slots")
_EXPECTED = "expected a host, host:RANKS or host slots=RANKS"


def read(path: Path) -> dict[str, int]:
    """Ranks by host, in the order of their first lines.

    Raises:
        UsageError: the file cannot be read, names no host, or has a line that is not understood.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"host file {path} cannot be read: {error}") from None
    hosts: dict[str, int] = {}
    for host, ranks in _entries(path, text.splitlines()):
        hosts[host] = hosts.get(host, 0) + ranks
    if not hosts:
        raise UsageError(f"host file {path} names no host: {_EXPECTED} on each line.")
    return hosts


def _entries(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(lines, start=1):
        content = line.partition("#")[0].strip()
        if content:
            yield _entry(content, f"host file {path}, line {number}")


def _entry(content: str, where: str) -> tuple[str, int]:
    found = _LINE.fullmatch(content)
    if found is None:
        raise UsageError(f"{where}: {_EXPECTED} (given: {content!r}).")
    counts = [found["ranks"]] if found["ranks"] is not None else []
    for setting in found["settings"].split():
        key, equals, value = setting.partition("=")
        if not equals or key not in (*_SLOTS, *_IGNORED):
            raise UsageError(f"{where}: {setting!r} is not understood; {_EXPECTED} (given: {content!r}).")
        if key in _SLOTS:
            counts.append(value)
    if len(counts) > 1:
        raise UsageError(f"{where}: the number of ranks is given twice (given: {content!r}).")
    return found["host"], _positive(counts[0], where) if counts else 1


def _positive(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"{where}: expected a positive number of ranks (given: {text!r}).")
    return int(text)


def write(path: Path, hosts: dict[str, int], slots: bool) -> None:
    """Writes a host file for a launcher: ``host slots=n`` for Open MPI, otherwise ``host:n``."""
    form = "{} slots={}\n" if slots else "{}:{}\n"
    path.write_text("".join(form.format(host, ranks) for host, ranks in hosts.items()), encoding="utf-8")
