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

Columns of other files, fields that are made of a column, and rows that are not wanted::

    join = [{ file = "movies.csv", on = "movie_id" }]
    drop_when = "rating == 3"

    [[field]]
    name = "year"
    from = "title"                      # another name of `column`
    pattern = '\((\d{4})\)$'
    kind = "id"

    [[field]]
    name = "hour"
    from = "ts"
    part = "hour"                       # hour | weekday | day | month
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
from pydantic import AliasChoices, Field, field_validator, model_validator

from wideload.datasets.prepared.manifest import FieldEntry
from wideload.errors import DataError, UsageError
from wideload.options import Options, validate

PAIRS = ("libsvm", "libffm")
"""Formats of ``index:value`` pairs."""

Kind = Literal["number", "integer", "id", "hex", "text"]
Part = Literal["hour", "weekday", "day", "month"]


class InputField(Options):
    """One input field.

    Attributes:
        name: the field's name in the data set.
        column: the column of the source, by name or by number from 0; by default the column with the field's name.
            In TOML it may be called ``from``.
        pattern: regular expression; the field is its first group, or all of the match where it has none. A text that
            does not match has no value.
        part: of the time in the column: ``hour`` 0 to 23, ``weekday`` 0 (Monday) to 6, ``day`` 1 to 31 of the month,
            ``month`` 1 to 12; in UTC, or in the zone of an ISO text.
        kind: ``number`` float32; ``integer`` any int64; ``id`` integers from 0, whose largest gives the cardinality;
            ``hex`` up to 16 hexadecimal digits as int64; ``text`` strings.
        separator: text between the values of a multi-valued field.
        weights: name of the source column with one weight per value; in CSV it has the same separator.
    """

    name: str = Field(min_length=1)
    column: str | int | None = Field(default=None, validation_alias=AliasChoices("column", "from"))
    kind: Kind = "text"
    pattern: str | None = None
    part: Part | None = None
    separator: str | None = Field(default=None, min_length=1)
    multi_valued: bool = False
    weights: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, values: Any) -> Any:
        """Parts of a time count from 0."""
        if isinstance(values, dict) and values.get("part") is not None:
            return {"kind": "id", **values}
        return values

    @model_validator(mode="after")
    def _derivable(self) -> Self:
        if self.part is not None and (self.kind != "id" or self.lists or self.pattern is not None):
            raise ValueError(f"field {self.name!r}: a part of a time is one id, without pattern and separator")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"field {self.name!r}: pattern {self.pattern!r}: {error}") from None
        return self

    @property
    def source(self) -> str | int:
        return self.name if self.column is None else self.column

    @property
    def derived(self) -> bool:
        """Whether the field is made of its column, and is not the column itself."""
        return self.pattern is not None or self.part is not None

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


@dataclass(frozen=True, slots=True)
class Condition:
    """``column operator value``: compared as numbers where the value is one, otherwise as text."""

    column: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Reads a condition.

        Raises:
            ValueError: it is none.
        """
        found = re.fullmatch(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*", text)
        if found is None:
            raise ValueError(f"{text!r} is no condition; write it like 'rating == 3', with ==, !=, <, <=, > or >=")
        column, operator, value = found.groups()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        condition = cls(column, operator, value[1:-1] if quoted else value)
        if condition.number is None and operator not in ("==", "!="):
            raise ValueError(f"{text!r}: {operator} compares numbers, and {value!r} is none")
        return condition

    @property
    def number(self) -> float | None:
        """The value as a number; None where it is none."""
        try:
            return float(self.value)
        except ValueError:
            return None


class Join(Options):
    """A file whose columns are looked up for each row; it is held in memory.

    Attributes:
        file: CSV or Parquet; a relative path is one from the folder of the rows.
        on: column of the rows that says which row of the file belongs to them.
        key: column of the file that holds these values; by default the one with the same name.
        columns, delimiter, header: of a text file; by default as in the layout. Where the file has no header, `columns`
            names its columns.
        encoding: of a text file.
    """

    file: str
    on: str
    key: str | None = None
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"


class Layout(Options):
    """The columns of a source, and how its cells are written.

    Attributes:
        join: files whose columns belong to the rows; their columns go before equally named ones of the rows.
        drop_when: conditions like ``rating == 3``; a row that meets one is left out, and is no bad row.
    """

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
    join: tuple[Join, ...] = ()
    drop_when: tuple[str, ...] = ()

    @field_validator("join", "drop_when", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | dict | Join) else value

    @field_validator("drop_when")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            Condition.parse(text)
        return value

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
        if self.format in PAIRS and (self.join or self.drop_when or any(field.derived for field in self.field)):
            raise ValueError(f"join, drop_when, pattern and part need columns, which {self.format} does not have")
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
        """What the hash of a preparation covers: without later keys that are not used, so that it stays what it was."""
        content = self.model_dump(mode="json")
        for key in ("join", "drop_when"):
            if not content[key]:
                del content[key]
        for field in content["field"]:
            for key in ("pattern", "part"):
                if field[key] is None:
                    del field[key]
        return content

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
        others += [join.on for join in self.join] + [Condition.parse(text).column for text in self.drop_when]
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
        """The same columns, without label, time and split; no row is left out."""
        return cls(**dict(layout) | {"time": None, "split": None, "drop_when": ()})


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
