"""Reads text files as blocks of whole lines, in constant memory.

::

    file (plain, .gz, .bz2, .zst, .lz4, .xz)  -> 1 MiB of decompressed bytes, cut at the last newline  -> TextBlock

A block begins where the previous one ended, so the bounds of blocks depend on the file alone: reading that resumes at
the end of a block yields the same blocks as before. A line longer than ``LONGEST`` is rejected without being held in
memory. Where cells may be quoted, a block is cut at the end of a record (see :mod:`wideload.datasets.text.quotes`).
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wideload.arrays import Integers
from wideload.datasets.rejects import Reject
from wideload.datasets.text import quotes
from wideload.errors import DataError

BLOCK = 2**20
LONGEST = 2**20
PADDING = 16
"""Number of zero bytes after the data of a block, so that an 8-byte word can be read at any position."""

BOM = b"\xef\xbb\xbf"
_COMPRESSION = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
COMPRESSED = (*_COMPRESSION, ".xz")
"""Suffixes of compressed files."""

_SHOWN = 200
_QUOTED = re.compile(rb'"[^"]*"')
_TELLING = 2**16
"""Bytes without a line feed that tell a file of other line ends."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading resumes: a byte offset in the decompressed file, and the number of lines before it."""

    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TextBlock:
    """Whole lines.

    Attributes:
        source: file name, for messages.
        content: the text followed by PADDING zero bytes; every line ends with a newline, including the file's last one.
        data: ``content`` as uint8 ``[length + PADDING]``.
        length: number of bytes of text.
        line: number of lines before this block.
        after: position at which the next block begins.
        rejects: lines that were too long to read; they count as lines.
        inner: positions of the newlines that are part of a quoted cell, int64 ``[k]``.
    """

    source: str
    content: bytes
    data: npt.NDArray[np.uint8]
    length: int
    line: int
    after: Position
    rejects: tuple[Reject, ...] = ()
    inner: Integers = field(default_factory=lambda: quotes.NONE)


def open_stream(path: str) -> Any:
    """Opens a file as a decompressing binary stream.

    Raises:
        DataError: the file cannot be opened.
    """
    compression = _COMPRESSION.get(Path(path).suffix.lower())
    try:
        if "://" not in path and path.lower().endswith(".xz"):
            return lzma.open(path, "rb")
        if "://" not in path and compression is None:
            return pa.OSFile(path, "rb")
        if "://" not in path:
            return pa.input_stream(path, compression=compression, buffer_size=BLOCK)
        import fsspec

        return pa.input_stream(fsspec.open(path, "rb").open(), compression=compression, buffer_size=BLOCK)
    except OSError as error:
        raise DataError(f"cannot open {path}: {error}") from None


def blocks(
    path: str,
    start: Position = Position(),
    block: int = BLOCK,
    longest: int = LONGEST,
    quoted: str | None = None,
) -> Iterator[TextBlock]:
    """Yields the lines of a file, beginning at ``start``.

    ``quoted`` is the delimiter between cells that may be quoted, or None when quotes have no meaning.

    Raises:
        DataError: the file cannot be read or its compression is damaged; the message names the file.
    """
    with open_stream(path) as stream:
        yield from _Reader(path, stream, start, block, longest, quoted).blocks()


class _Reader:
    def __init__(self, path: str, stream: Any, start: Position, block: int, longest: int, quoted: str | None) -> None:
        self._path, self._stream = path, stream
        self._block, self._longest, self._quoted = block, longest, quoted
        self._offset, self._line = start.offset, start.line
        self._rest = b""
        self._skip(start.offset)

    def _read(self, size: int) -> bytes:
        try:
            content: bytes = self._stream.read(size)
        except (OSError, EOFError, lzma.LZMAError, pa.ArrowException) as error:
            raise DataError(f"cannot read {self._path} beyond byte {self._offset}: {error}") from None
        return content

    def _skip(self, offset: int) -> None:
        """Moves to ``offset``; a compressed file has to be read up to there."""
        if offset and self._stream.seekable():
            self._stream.seek(offset)
            return
        while offset > 0:
            offset -= len(self._read(min(offset, self._block))) or offset

    def blocks(self) -> Iterator[TextBlock]:
        while True:
            wanted = self._block - len(self._rest)
            content = self._rest + self._fill(wanted)
            if not content:
                return
            ended = len(content) < self._block
            if self._offset == 0 and (ended or self._block >= _TELLING):
                _refuse_other_text(self._path, content)
            cut = len(content) if ended else content.rfind(b"\n") + 1
            if cut == 0:
                yield from self._overlong(content)
                continue
            inner = quotes.NONE
            if self._quoted and b'"' in content:
                inner, cut = quotes.inner(content[:cut], self._quoted, ended)
            self._rest = content[cut:]
            yield self._made(content[:cut], inner=inner)
            if len(self._rest) > self._longest and b"\n" not in self._rest:
                rest, self._rest = self._rest, b""
                yield from self._overlong(rest)

    def _fill(self, size: int) -> bytes:
        """Reads ``size`` bytes; fewer only at the end of the file."""
        parts, missing = [], size
        while missing and (part := self._read(missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _made(
        self, text: bytes, rejects: tuple[Reject, ...] = (), extra: int = 0, inner: Integers = quotes.NONE
    ) -> TextBlock:
        line = self._line
        self._offset += len(text) + extra
        begin = len(BOM) if line == 0 and text.startswith(BOM) else 0
        shown = text[begin:]
        if shown and not shown.endswith(b"\n"):
            shown += b"\n"
        content = shown + bytes(PADDING)
        self._line += shown.count(b"\n") + len(rejects)
        data = np.frombuffer(content, dtype=np.uint8)
        after = Position(self._offset, self._line)
        return TextBlock(self._path, content, data, len(shown), line, after, rejects, inner - begin)

    def _overlong(self, begin: bytes) -> Iterator[TextBlock]:
        """Skips to the end of the line that starts with ``begin``, and reports it as too long."""
        passed, self._rest = len(begin), b""
        while content := self._read(self._block):
            end = content.find(b"\n") + 1
            if end:
                passed += end
                self._rest = content[end:]
                break
            passed += len(content)
        text = begin[:_SHOWN].decode("utf-8", "backslashreplace")
        reject = Reject(self._path, self._line + 1, f"line longer than {self._longest} bytes", text)
        yield self._made(b"", (reject,), passed)


def _refuse_other_text(path: str, begin: bytes) -> None:
    """Refuses files whose first bytes show that no line of them could be read.

    Raises:
        DataError: says what the file is, and what to do.
    """
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or _every_second_is_0(begin[:64]):
        raise DataError(f"{path} is UTF-16, not UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {path} > converted.")
    if b"\n" not in begin and b"\r" in _QUOTED.sub(b"", begin)[:-1]:
        raise DataError(
            f"{path} ends its lines with CR alone, not with LF. Convert it: tr '\\r' '\\n' < {path} > converted."
        )


def _every_second_is_0(begin: bytes) -> bool:
    return len(begin) >= 8 and (not any(begin[1::2]) or not any(begin[0::2]))
