"""libsvm and libffm text, with ``#`` comments: multi-valued fields with a weight per value.

::

    libsvm   label index:value index:value ...               one field `features`: ids, weighted by the values
    libffm   label field:index:value field:index:value ...   the same; or the fields of the layout, see below

A libffm field is chosen by its `column`, by default its name: ``name = "site", column = 3, multi_valued = true``, with
``weights = "site_value"`` where the values matter.

The label follows the rule of the layout; without one, labels above 0 are positive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from wideload.arrays import Integers
from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.convert.rows import Name, convert
from wideload.datasets.readers.layout import InputField, Label, Layout
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import Position, blocks
from wideload.datasets.text.lines import Lines

FIELD, WEIGHTS = "features", "features_weights"
_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)

Pairs = list[tuple[str, str, str]]
"""Field (empty in libsvm), index and value of each entry of a line."""


def completed(layout: Layout) -> Layout:
    """The layout with the one field that libsvm has, and libffm where none are declared."""
    if layout.format == "libffm" and layout.field:
        return layout
    field = InputField(name=FIELD, kind="id", multi_valued=True, weights=WEIGHTS)
    return layout.model_copy(update={"field": (field,)})


def read(source: str, layout: Layout, start: Position, entries: int | None = None) -> Iterator[Block]:
    """Yields the rows of one file, beginning at ``start``.

    ``entries`` is for libfm files of a fixed form: every line has that many pairs, and a field's ``column`` is the
    position of its pair.
    """
    ruled = _with_rule(layout)
    for block in blocks(source, start):
        lines = Lines(block)
        why = lines.why()
        rejects = [*block.rejects, *lines.rejects(why)]
        rows, kept, blank = [], [], 0
        for line in np.flatnonzero(why == 0):
            row = parse(lines.bytes_of(int(line)).decode("utf-8"), layout.format == "libffm")
            if entries is not None and isinstance(row, tuple):
                row = _by_position(row, entries)
            if isinstance(row, str):
                rejects.append(lines.reject(int(line), row))
            elif row is None:
                blank += 1
            else:
                rows.append(row)
                kept.append(int(line))
        done = convert(_Lines(rows, lines.numbers[kept], layout), ruled, source)
        rejects += [lines.reject(kept[row], reason) for row, reason in done.reasons.items()]
        yield Block(done.table, sorted(rejects, key=_line), block.after, blank + lines.blank(why))


def _with_rule(layout: Layout) -> Layout:
    """The layout for the columns of :class:`_Lines`: without a rule of its own, a label above 0 is positive."""
    label = layout.label.model_copy(update={"column": _Lines.LABEL})
    if label.positive is None and label.at_least is None:
        label = Label(column=_Lines.LABEL, at_least=_SMALLEST)
    return layout.model_copy(update={"label": label})


def _line(reject: Reject) -> int:
    return reject.line


def parse(line: str, fields: bool = False) -> tuple[str, Pairs] | str | None:
    """The label and the entries of a line; a reason when it is malformed; None when it is only a comment.

    Args:
        line: the text.
        fields: whether entries are libffm's ``field:index:value``.
    """
    parts = line.split("#", 1)[0].split()
    if not parts:
        return None
    pairs = []
    for part in parts[1:]:
        pieces = part.split(":")
        if pieces[0] == "qid":
            continue
        if len(pieces) == 3 and not fields:
            return f"{part[:40]!r} is a libffm triple field:index:value; use format = 'libffm'"
        if len(pieces) != 2 + fields:
            return f"{part[:40]!r} is not {'field:index:value' if fields else 'index:value'}"
        pairs.append((pieces[0] if fields else "", pieces[-2], pieces[-1]))
    return parts[0], pairs


def _by_position(row: tuple[str, Pairs], entries: int) -> tuple[str, Pairs] | str:
    """The pairs with their positions as libffm fields."""
    label, pairs = row
    if len(pairs) != entries:
        return f"{len(pairs)} entries where {entries} are expected"
    return label, [(str(place), index, value) for place, (_, index, value) in enumerate(pairs)]


class _Lines:
    """Parsed lines as columns of text: the label, and lists of indices and values, of all fields or of one."""

    LABEL = "label"

    def __init__(self, rows: list[tuple[str, Pairs]], lines: Integers, layout: Layout) -> None:
        self._rows, self.lines = rows, lines
        every = layout.field[0].name == FIELD and layout.field[0].weights == WEIGHTS
        tokens = {field: None if every else str(field.source) for field in layout.field}
        self._places: dict[Name, tuple[str | None, int]] = {f.source: (token, 1) for f, token in tokens.items()}
        self._places |= {field.weights: (token, 2) for field, token in tokens.items() if field.weights}

    def column(self, name: Name, kind: str) -> Any:  # noqa: ARG002
        if name == self.LABEL:
            return pa.array([label for label, _ in self._rows], pa.string())
        field, place = self._places[name]
        chosen = [[pair[place] for pair in pairs if field in (None, pair[0])] for _, pairs in self._rows]
        return pa.array(chosen, pa.list_(pa.string()))

    def quick(self, name: Name, kind: str) -> Any | None:  # noqa: ARG002
        return None
