"""The lines of a block, and which of them are not text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from wideload.arrays import Flags, Integers
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import TextBlock
from wideload.datasets.text.quotes import NEWLINE

EMPTY, NUL, ENCODING, COLUMNS = 1, 2, 3, 4
"""Reasons why a line is not taken; an empty line does not count as a row."""

RETURN, QUOTE = 13, 34
SHOWN = 200
"""Number of characters of a bad row that are shown."""


class Lines:
    """The positions of a block's lines, and which of them are not text. A record with quoted newlines is one line."""

    def __init__(self, block: TextBlock, ends: Integers | None = None) -> None:
        self.block = block
        self.data = block.data[: block.length]
        self.ends = _ends(block) if ends is None else ends
        self.starts = np.concatenate([[0], self.ends + 1]).astype(np.int64)[:-1]
        self.numbers = block.line + 1 + np.arange(len(self.ends), dtype=np.int64)
        self.numbers += np.searchsorted(block.inner, self.starts)

    def __len__(self) -> int:
        return len(self.ends)

    def with_byte(self, byte: int) -> Flags:
        """Returns which lines contain a byte."""
        return self._holding(np.flatnonzero(self.data == byte))

    def _holding(self, positions: Integers) -> Flags:
        mask = np.zeros(len(self), dtype=bool)
        mask[np.searchsorted(self.ends, positions)] = True
        return mask

    def why(self) -> npt.NDArray[np.int8]:
        """Returns 0 for every line of text, otherwise the reason why it is not taken: int8 ``[lines]``."""
        why = np.zeros(len(self), dtype=np.int8)
        why[self.ends == self.starts] = EMPTY
        carriage = (self.ends == self.starts + 1) & (self.data[self.starts] == RETURN)
        why[carriage] = EMPTY
        if self.block.content.find(b"\0", 0, self.block.length) >= 0:
            why[self.with_byte(0)] = NUL
        if not self.block.content.isascii():
            for line in np.flatnonzero(self._holding(np.flatnonzero(self.data > 127)) & (why == 0)):
                if not _is_utf8(self.bytes_of(line)):
                    why[line] = ENCODING
        return why

    def bytes_of(self, line: int) -> bytes:
        return self.data[self.starts[line] : self.ends[line]].tobytes()

    def reject(self, line: int, reason: str) -> Reject:
        text = self.bytes_of(line)[:SHOWN].decode("utf-8", "backslashreplace")
        return Reject(self.block.source, int(self.numbers[line]), reason, text)

    def blank(self, why: npt.NDArray[np.int8]) -> int:
        return int((why == EMPTY).sum())

    def rejects(self, why: npt.NDArray[np.int8], other: Callable[[int], str] = str) -> list[Reject]:
        """Returns rejects for the lines that are not text, and for those to which ``other`` gives a reason."""
        reasons = {NUL: "NUL byte", ENCODING: "not UTF-8"}
        return [self.reject(line, reasons.get(int(why[line])) or other(line)) for line in np.flatnonzero(why > EMPTY)]


def _ends(block: TextBlock) -> Integers:
    return np.setdiff1d(np.flatnonzero(block.data[: block.length] == NEWLINE), block.inner, assume_unique=True)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
