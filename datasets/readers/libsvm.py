"""libsvm text: ``label index:value index:value ...``, with ``#`` comments; one multi-valued field with weights.

The indices become ids of the field ``features``, the values its weights. Labels above 0 are positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from wideload.datasets.readers.contract import Block
from wideload.datasets.readers.layout import InputField, Layout
from wideload.datasets.rejects import Reject
from wideload.datasets.text.blocks import Position, blocks
from wideload.datasets.text.lines import Lines
from wideload.datasets.text.values import finite

FIELD, WEIGHTS = "features", "features_weights"
_LARGEST = 2**63 - 1


def completed(layout: Layout) -> Layout:
    """The layout with the one field that this format has."""
    field = InputField(name=FIELD, kind="id", multi_valued=True, weights=WEIGHTS)
    return layout.model_copy(update={"field": (field,)})


def read(source: str, layout: Layout, start: Position) -> Iterator[Block]:  # noqa: ARG001
    """Rows of one file from ``start`` on."""
    for block in blocks(source, start):
        lines = Lines(block)
        why = lines.why()
        rejects = [*block.rejects, *lines.rejects(why)]
        labels, lengths, indices, values, blank = [], [], [], [], 0
        for line in np.flatnonzero(why == 0):
            row = parse(lines.bytes_of(int(line)).decode("utf-8"))
            if isinstance(row, str):
                rejects.append(lines.reject(int(line), row))
            elif row is None:
                blank += 1
            else:
                labels.append(row[0])
                lengths.append(len(row[1]))
                indices += row[1]
                values += row[2]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        table = pa.table(
            {
                "label": pa.array(labels, pa.float32()),
                FIELD: pa.ListArray.from_arrays(offsets, pa.array(indices, pa.int64())),
                WEIGHTS: pa.ListArray.from_arrays(offsets, pa.array(values, pa.float32())),
            }
        )
        yield Block(table, sorted(rejects, key=_line), block.after, blank + lines.blank(why))


def _line(reject: Reject) -> int:
    return reject.line


def parse(line: str) -> tuple[float, list[int], list[float]] | str | None:
    """Label, indices and values of a line; a reason when it is malformed; None when it is only a comment."""
    parts = line.split("#", 1)[0].split()
    if not parts:
        return None
    try:
        label = float(parts[0])
    except ValueError:
        return "the label is not a number"
    indices, values = [], []
    for part in parts[1:]:
        index, colon, value = part.partition(":")
        if index == "qid":
            continue
        if not colon or not index.isdecimal() or int(index) > _LARGEST:
            return f"{part[:40]!r} is not index:value"
        try:
            values.append(finite(value.encode()))
        except ValueError:
            return f"{part[:40]!r} has no finite value"
        indices.append(int(index))
    return (float(label > 0), indices, values) if math.isfinite(label) else "the label is not a finite number"
