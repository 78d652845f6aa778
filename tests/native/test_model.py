"""The table against a plain dict: whatever operations come, in whatever order, both tell the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wideload import SparseTable, _native

WIDTH = 3
ADMIT_AT = 3
EXTREMES = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]
COLLIDING = [value << 32 for value in range(8)] + [value * 15_485_863 for value in range(8)]
SIGNS = st.lists(st.one_of(st.sampled_from(EXTREMES + COLLIDING), st.integers(0, 2**64 - 1)), max_size=40)


def slices() -> list[_native.Slice]:
    plain = _native.Sgd(learning_rate=1.0)
    return [
        _native.Slice("wide", 1, optimizer=plain, initializer=_native.Initializer("normal", 1.0)),
        _native.Slice("deep", WIDTH - 1, optimizer=plain, admit_at=ADMIT_AT),
    ]


def initial(sign: int) -> npt.NDArray[np.float32]:
    return _native.initial_rows("model", slices(), np.array([sign], np.uint64), seed=5)[0]


class Row:
    def __init__(self, sign: int) -> None:
        self.weights = initial(sign)
        self.shows = 0.0
        self.admitted = False

    def seen(self) -> npt.NDArray[np.float32]:
        row = self.weights.copy()
        if not self.admitted:
            row[1:] = 0
        return row


class TableAgainstDict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.table = SparseTable("model", slices(), seed=5)
        self.rows: dict[int, Row] = {}

    def touch(self, sign: int) -> Row:
        row = self.rows.setdefault(sign, Row(sign))
        row.admitted = row.admitted or row.shows >= ADMIT_AT
        return row

    @rule(signs=SIGNS)
    def pull(self, signs: list[int]) -> None:
        pulled = self.table.pull(np.array(signs, np.uint64))
        assert pulled.shape == (len(signs), WIDTH)
        for sign, row in zip(signs, pulled, strict=True):
            np.testing.assert_array_equal(row, self.touch(sign).seen())

    @rule(signs=SIGNS)
    def look(self, signs: list[int]) -> None:
        pulled = self.table.pull_read_only(np.array(signs, np.uint64))
        for sign, row in zip(signs, pulled, strict=True):
            np.testing.assert_array_equal(row, self.rows.get(sign, Row(sign)).seen())

    @rule(signs=SIGNS, gradient=st.integers(-3, 3))
    def push(self, signs: list[int], gradient: int) -> None:
        self.table.push(np.array(signs, np.uint64), np.full((len(signs), WIDTH), gradient, np.float32))
        for sign in dict.fromkeys(signs):
            row = self.touch(sign)
            times = signs.count(sign)
            row.weights[: WIDTH if row.admitted else 1] -= np.float32(gradient * times)
            row.shows += times

    @rule(signs=SIGNS)
    def erase(self, signs: list[int]) -> None:
        gone = sum(self.rows.pop(sign, None) is not None for sign in dict.fromkeys(signs))
        assert self.table.erase(np.array(signs, np.uint64)) == gone

    @rule()
    def shrink(self) -> None:
        self.table.shrink()

    @precondition(lambda self: self.rows)
    @rule()
    def move_to_another_table(self) -> None:
        copy = SparseTable("model", slices(), seed=5)
        copy.import_rows(self.table.export_rows())
        self.table = copy

    @invariant()
    def sizes_agree(self) -> None:
        assert len(self.table) == len(self.rows)


TestTableAgainstDict = TableAgainstDict.TestCase
TestTableAgainstDict.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
