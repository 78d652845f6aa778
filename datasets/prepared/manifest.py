"""The manifest of a prepared folder: its content, and the checksums that show it is undamaged.

::

    DIR/manifest.json              label, fields, splits, shards, provenance; written last, so present = complete
    DIR/SPLIT-00000.parquet        shards, each with row groups of a fixed number of rows
    DIR/vocabulary/NAME.parquet    value, count: the vocabulary of a field, most frequent first
    DIR/rejected.jsonl             the first rejected rows, with the reason

The manifest holds a CRC-32 of every row group and of every shard's footer, so a rank checks exactly the bytes that it
reads. Paths are relative and cannot leave the folder.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from wideload import files
from wideload.errors import DataError
from wideload.hashing import fingerprint

MANIFEST = "manifest.json"
FORMAT = "wideload-shards"
VERSION = 1


def _inside(path: str) -> str:
    """Refuses paths that leave the manifest's folder."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError("must be a relative path inside the folder")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class GroupEntry(_Stored):
    """One row group: ``rows`` rows in bytes ``[offset, offset + length)`` of its shard."""

    rows: int = Field(ge=0)
    offset: int = Field(ge=0)
    length: int = Field(ge=0)
    crc32: int


class ShardEntry(_Stored):
    """One Parquet file. The footer is everything after the last row group."""

    file: RelativePath
    length: int = Field(ge=0)
    footer_offset: int = Field(ge=0)
    footer_crc32: int
    groups: tuple[GroupEntry, ...]

    @property
    def rows(self) -> int:
        return sum(group.rows for group in self.groups)


class FieldEntry(_Stored):
    """A field as the stream yields it; see :class:`wideload.datasets.contract.Field`.

    Attributes:
        text: whether values are strings; otherwise they are int64.
        ids: whether values are integers that count from 0, so that the largest one gives the cardinality.
        hex: whether integers were written as hexadecimal words, and are shown as such.
    """

    name: str
    kind: Annotated[str, Field(pattern="^(numeric|categorical)$")]
    multi_valued: bool = False
    text: bool = False
    ids: bool = False
    hex: bool = False
    cardinality: int | None = None
    vocabulary: RelativePath | None = None
    vocabulary_crc32: int | None = None
    weights: str | None = None
    mean: float = 0.0
    std: float = 1.0


class Provenance(_Stored):
    """Where the rows came from, and how many were taken: ``rows_in = rows_out + rejected + dropped``.

    Attributes:
        request: hash of the request, its options and the sources.
        split: the rule by which rows were split.
        options: of the reader, except for the layout.
        layout: the columns as they were read, so that new rows can be read in the same way; None in older folders.
        dropped: number of rows that the layout leaves out on purpose.
        blank_lines: number of empty lines, which do not count as rows.
        reasons: number of rejected rows for each reason.
        notes: what a reader of results should know, in words.
    """

    reader: str = ""
    request: str = ""
    split: str = ""
    options: dict[str, Any] = {}
    layout: dict[str, Any] | None = None
    sources: tuple[str, ...] = ()
    rows_in: int = 0
    rows_out: int = 0
    rejected: int = 0
    dropped: int = 0
    blank_lines: int = 0
    reasons: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class Manifest(_Stored):
    format: str = FORMAT
    version: int = VERSION
    label: str
    fields: tuple[FieldEntry, ...]
    splits: dict[str, tuple[ShardEntry, ...]]
    provenance: Provenance = Provenance()

    def rows(self, split: str) -> int:
        return sum(shard.rows for shard in self.splits.get(split, ()))

    @property
    def fingerprint(self) -> str:
        """16 hex digits over fields and checksums; independent of file names, locations and provenance."""
        content = {
            "label": self.label,
            "fields": [field.model_dump(mode="json", exclude={"vocabulary", "hex"}) for field in self.fields],
            "splits": {name: [_content(shard) for shard in shards] for name, shards in sorted(self.splits.items())},
        }
        return fingerprint(content)

    def save(self, directory: Path) -> None:
        """Writes the manifest; the file appears complete or not at all."""
        files.write(directory / MANIFEST, self.model_dump_json(indent=1) + "\n")


def _content(shard: ShardEntry) -> list[Any]:
    return [[group.rows, group.crc32] for group in shard.groups]


def parse(text: bytes, where: str) -> Manifest:
    """Reads a manifest.

    Raises:
        DataError: it is damaged, of another format or of a later version; the message names ``where``.
    """
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{where} is not a readable manifest: {place or 'text'}: {first['msg']}.") from None
    if manifest.format != FORMAT or manifest.version > VERSION:
        raise DataError(
            f"{where} has format {manifest.format!r} version {manifest.version}; this program reads {FORMAT!r} up to "
            f"version {VERSION}: prepare the data again, or use the version of wideload that wrote it."
        )
    return manifest
