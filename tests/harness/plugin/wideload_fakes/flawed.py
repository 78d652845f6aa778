"""The tiny data set with one flaw of choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pyarrow as pa

from wideload.datasets.contract import Plan, Split
from wideload_fakes.tiny import Tiny, TinyOptions


class FlawedOptions(TinyOptions):
    flaw: Literal["none", "ignores_seed", "ignores_rank", "ignores_start", "bad_label", "short_fingerprint"] = "none"


class Flawed(Tiny):
    name = "flawed"
    Options = FlawedOptions

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        changes = {"ignores_seed": {"seed": None}, "ignores_rank": {"rank": 0}, "ignores_start": {"start": 0}}
        for batch in super().stream(split, replace(plan, **changes.get(self.options.flaw, {}))):
            if self.options.flaw == "bad_label":
                batch = batch.set_column(0, "click", pa.array([2.0] * batch.num_rows, pa.float32()))
            yield batch

    def fingerprint(self) -> str:
        whole = super().fingerprint()
        return whole[:3] if self.options.flaw == "short_fingerprint" else whole
