"""The tiny data set with one flaw of choice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pyarrow as pa

from wideload.datasets.contract import Plan, Split
from wideload_fakes.tiny import CARDINALITY, Tiny, TinyOptions

Flaw = Literal[
    "none",
    "ignores_seed",
    "ignores_rank",
    "ignores_start",
    "bad_label",
    "short_fingerprint",
    "one_stream",
    "narrow_numbers",
    "high_ids",
    "keeps_thread",
]


class FlawedOptions(TinyOptions):
    flaw: Flaw = "none"


class Flawed(Tiny):
    name = "flawed"
    Options = FlawedOptions
    newest: object = None
    forever = threading.Event()

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        flaw = self.options.flaw
        own = self.newest = object()
        if flaw == "keeps_thread":
            threading.Thread(target=self.forever.wait, daemon=True).start()
        changes = {"ignores_seed": {"seed": None}, "ignores_rank": {"rank": 0}, "ignores_start": {"start": 0}}
        for batch in super().stream(split, replace(plan, **changes.get(flaw, {}))):
            if flaw == "one_stream" and own is not self.newest:
                return
            yield self.changed(batch)

    def changed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        flaw, rows = self.options.flaw, batch.num_rows
        if flaw == "bad_label":
            return batch.set_column(0, "click", pa.array([2.0] * rows, pa.float32()))
        if flaw == "high_ids":
            return batch.set_column(1, "id", pa.array([CARDINALITY] * rows, pa.int64()))
        if flaw == "narrow_numbers":
            return batch.set_column(2, "number", batch["number"].cast(pa.float16()))
        return batch

    def fingerprint(self) -> str:
        whole = super().fingerprint()
        return whole[:3] if self.options.flaw == "short_fingerprint" else whole
