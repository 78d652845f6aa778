r"""The layout of a source: which column is the label, which columns are fields, and how each is read.

The readers of known formats declare it in Python; for other data the user writes it in TOML::

    format = "csv"                      # csv | parquet | tfrecord | libsvm | libffm
    delimiter = "\t"
    header = true
    missing = ["NA"]
    time = "ts"                         # optional, for a split by time
    split = "part"                      # optional, for a split that is given by a column

    [label]
    column = "click"                    # a name from the header, or a number from 0
    at_least = 4                        # optional rule: 1 where the number is at least this
    positive = ["yes"]                  # or: 1 for these texts, 0 for all others

    [[field]]
    name = "age"
    kind = "number"                     # number | integer | id | hex | text

    [[field]]
    name = "genres"
    kind = "text"
    separator = "|"                     # multi-valued
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from wideload.datasets.prepared.manifest import FieldEntry
from wideload.errors import DataError, UsageError
from wideload.options import Options, validate

PAIRS = ("libsvm", "libffm")
"""Formats of ``index:value`` pairs."""

Kind = Literal["number", "integer", "id", "hex", "text"]


class InputField(Options):
    """One input field.

    Attributes:
        name: the field's name in the data set.
        column: the column of the source, by name or by number from 0; by default the column with the field's name.
        kind: ``number`` float32; ``integer`` any int64; ``id`` integers from 0, whose largest gives the cardinality;
            ``hex`` up to 16 hexadecimal digits as int64; ``text`` strings.
        separator: text between the values of a multi-valued field.
        weights: name of the source column with one weight per value; in CSV it has the same separator.
    """

    name: str = Field(min_length=1)
    column: str | int | None = None
    kind: Kind = "text"
    separator: str | None = Field(default=None, min_length=1)
    multi_valued: bool = False
    weights: str | None = None

    @property
    def source(self) -> str | int:
        return self.name if self.column is None else self.column

    @property
    def lists(self) -> bool:
        """Whether an example may hold several values."""
        return self.multi_valued or self.separator is not None

    @property
    def stored(self) -> pa.DataType:
        """The type in the shards."""
        inner = {"number": pa.float32(), "text": pa.string()}.get(self.kind, pa.int64())
        return pa.list_(inner) if self.lists else inner

    @property
    def entry(self) -> FieldEntry:
        """The field in a manifest, before it is fitted."""
        return FieldEntry(
            name=self.name,
            kind="numeric" if self.kind == "number" else "categorical",
            multi_valued=self.lists,
            text=self.kind == "text",
            ids=self.kind == "id",
            hex=self.kind == "hex",
            weights=self.weights,
        )


class Label(Options):
    """The label that is to be predicted, and the rule by which it is 1.

    Attributes:
        column: name or number of the column.
        at_least: the label is 1 where the number is at least this.
        positive: the label is 1 for these texts and 0 for all others. Without a rule the column must hold 0 or 1.
        allowed: with ``positive``: the texts for which the label is 0; any other text makes a bad row.
    """

    column: str | int
    at_least: float | None = None
    positive: tuple[str, ...] | None = None
    allowed: tuple[str, ...] | None = None


class Layout(Options):
    """The columns of a source, and how its cells are written."""

    format: Literal["csv", "parquet", "tfrecord", "libsvm", "libffm"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=2)
    header: bool = True
    quoted: bool = True
    missing: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    label: Label
    field: tuple[InputField, ...] = ()
    time: str | int | None = None
    split: str | int | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_label(cls, values: Any) -> Any:
        """Libsvm and libffm lines begin with the label: it needs no declaration."""
        if isinstance(values, dict) and values.get("format") in PAIRS:
            return {"label": {"column": 0}, **values}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.format in PAIRS and self.label.column != 0:
            raise ValueError(f"a {self.format} line begins with its label: the label's column must be 0 or be left out")
        names = ["label", *(field.name for field in self.field)]
        names += [field.weights for field in self.field if field.weights]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"names must be unique, and none may be 'label'; given twice: {', '.join(repeated)}")
        if not self.delimiter.isascii() or set(self.delimiter) & set('"\r\n\0'):
            raise ValueError("the delimiter must be one or two ASCII characters, and no quote or line end")
        for field in self.field:
            if field.kind == "number" and field.lists:
                raise ValueError(f"field {field.name!r}: numbers cannot be multi-valued")
            if field.weights is not None and not field.lists:
                raise ValueError(f"field {field.name!r}: weights need a multi-valued field")
            if self.format == "csv" and field.multi_valued and field.separator is None:
                raise ValueError(f"field {field.name!r}: in CSV a multi-valued field needs a `separator`")
        return self

    @property
    def labelled(self) -> bool:
        """Whether the label is read."""
        return True

    @property
    def carried(self) -> tuple[str | int, ...]:
        """Columns that are handed on as they are, in addition to the fields."""
        return ()

    @property
    def identity(self) -> dict[str, Any]:
        """What the hash of a preparation covers."""
        return self.model_dump(mode="json")

    @property
    def kept(self) -> dict[str, Any]:
        """The layout as JSON values, without defaults, from which it can be made again."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def sources(self) -> list[str | int]:
        """The columns that are read, by the name or number that the layout gives them."""
        fields = [field.source for field in self.field]
        weights = [field.weights for field in self.field if field.weights]
        others = [column for column in (self.time, self.split) if column is not None]
        label = [self.label.column] if self.labelled else []
        return list(dict.fromkeys([*label, *fields, *weights, *others, *self.carried]))

    @property
    def stored(self) -> pa.Schema:
        """The columns of the shards."""
        weights = [(field.weights, pa.list_(pa.float32())) for field in self.field if field.weights]
        fields = [(field.name, field.stored) for field in self.field]
        return pa.schema([("label", pa.float32()), *fields, *weights])


class ScoringLayout(Layout):
    """A layout for rows that are to be scored: the label is not read, and need not be there.

    Attributes:
        kept_columns: columns that are handed on as they are.
    """

    kept_columns: tuple[str | int, ...] = ()

    @property
    def labelled(self) -> bool:
        return False

    @property
    def carried(self) -> tuple[str | int, ...]:
        return self.kept_columns

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """The same columns, without label, time and split."""
        return cls(**dict(layout) | {"time": None, "split": None})


def load_layout(path: Path) -> Layout:
    """Reads a layout from a TOML file.

    Raises:
        DataError: the file cannot be read or is not TOML.
        UsageError: a key or a value is not valid in a layout; the message names it.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read the layout {path}: {error}") from None
    layout = validate(Layout, values, f"layout {path.name}")
    if not layout.field and layout.format not in PAIRS:
        raise UsageError(f"layout {path.name} has no [[field]]: name at least one input field.")
    return layout
