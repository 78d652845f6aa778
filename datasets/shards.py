"""``shards[path=DIR]``: the user's own data, converted by ``wideload data prepare``."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa

from wideload.datasets.contract import Dataset, Plan, Schema, Split
from wideload.datasets.prepared.reader import Prepared
from wideload.options import Options


class ShardsOptions(Options):
    """Options.

    Attributes:
        path: folder (or fsspec URL) that holds a ``manifest.json``.
    """

    path: str


class Shards(Dataset):
    name: ClassVar[str] = "shards"
    summary: ClassVar[str] = "custom data, prepared with `wideload data prepare`"
    Options: ClassVar[type[Options]] = ShardsOptions

    @functools.cached_property
    def prepared(self) -> Prepared:
        return Prepared(self._root())

    def _root(self) -> str:
        assert isinstance(self.options, ShardsOptions)  # for the type checker
        return self.options.path

    def schema(self) -> Schema:
        return self.prepared.schema

    def size(self, split: Split) -> int:
        return self.prepared.manifest.rows(split)

    def stream(self, split: Split, plan: Plan) -> Iterator[pa.RecordBatch]:
        return self.prepared.stream(split, plan)

    def fingerprint(self) -> str:
        return self.prepared.manifest.fingerprint
