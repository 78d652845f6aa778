"""CSV, Parquet, TFRecord, libsvm or libffm data, described by a layout (:mod:`wideload.datasets.readers.layout`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from wideload.datasets.readers import columnar, delimited, libsvm, tfrecord
from wideload.datasets.readers.contract import Block, Reader
from wideload.datasets.readers.layout import PAIRS, Layout, load_layout
from wideload.datasets.readers.sources import files
from wideload.datasets.text.blocks import Position
from wideload.options import Options

_PATTERNS = {
    "csv": ("*.csv", "*.tsv", "*.txt", "*.csv.gz", "*.tsv.gz", "*.txt.gz", "*.csv.zst", "*.tsv.zst"),
    "parquet": ("*.parquet",),
    "tfrecord": ("*.tfrecord", "*.tfrecords", "*.tfrecord.gz", "*.tfrecord-*"),
    "libffm": ("*.libffm", "*.ffm", "*.txt", "*.libffm.gz", "*.ffm.gz", "*.txt.gz"),
    "libsvm": ("*.libsvm", "*.svm", "*.txt", "*.libsvm.gz", "*.txt.gz"),
}
_READ = {
    "csv": delimited.read,
    "parquet": columnar.read,
    "tfrecord": tfrecord.read,
    "libsvm": libsvm.read,
    "libffm": libsvm.read,
}


class CustomOptions(Options):
    """Options.

    Attributes:
        layout: the TOML file that describes the columns, or the description itself.
    """

    layout: Layout | Path


class Custom(Reader):
    name: ClassVar[str] = "custom"
    summary: ClassVar[str] = "any CSV, Parquet, TFRecord, libsvm or libffm files, by a layout in TOML (--layout)"
    Options: ClassVar[type[Options]] = CustomOptions

    def sources(self) -> tuple[str, ...]:
        return files(self.path, *_PATTERNS[self.layout.format])

    @functools.cached_property
    def layout(self) -> Layout:
        assert isinstance(self.options, CustomOptions)  # for the type checker
        given = self.options.layout
        layout = given if isinstance(given, Layout) else load_layout(given)
        return libsvm.completed(layout) if layout.format in PAIRS else layout

    def blocks(self, source: str, start: Position) -> Iterator[Block]:
        return _READ[self.layout.format](source, self.layout, start)
