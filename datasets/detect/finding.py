"""What was found out about a file or folder: how to read it, and for each column what it is and how sure that is.

::

    detect(path)                    -> Finding; its questions are what had to be guessed
    detect(path, Chosen(label=...)) -> Finding without that question
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wideload.datasets.detect import known, labels, moments
from wideload.datasets.detect.fields import Described, chosen, describe, with_weights
from wideload.datasets.detect.inputs import Inputs, inputs_of
from wideload.datasets.detect.labels import Candidate
from wideload.datasets.detect.profile import MISSING, Profile
from wideload.datasets.detect.sample import Sample, sample
from wideload.datasets.prepare.splitting import names_splits
from wideload.datasets.readers import delimited, find
from wideload.datasets.readers.layout import InputField, Kind, Layout
from wideload.errors import DataError, UnknownNameError, UsageError
from wideload.options import validate

NO_TIME = "none"
"""The choice of no column as the time of a row."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the user said, which is not guessed.

    Attributes:
        label, time: columns; a time of NO_TIME is none.
        positive: the text for which the label is 1.
        kinds: of columns; ``out`` leaves one out.
    """

    label: str | None = None
    positive: str | None = None
    time: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that was guessed.

    Attributes:
        about: ``label``, ``positive``, ``time``, or ``kind`` of the column.
        choices: the possible answers, the guess first.
    """

    about: str
    column: str
    text: str
    choices: tuple[str, ...]

    def answered(self, chosen: Chosen, answer: str) -> Chosen:
        """What is chosen with this answer."""
        if self.about == "kind":
            return replace(chosen, kinds={**chosen.kinds, self.column: answer})
        change: dict[str, Any] = {self.about: answer}
        return replace(chosen, **change)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        inputs: the files.
        reader: name of the format; a built-in one needs no layout.
        form: how the files are written, for people.
        layout: of format ``custom``.
        label, time: what was seen of these columns; empty where there is none.
        columns: the fields and what is left out.
        questions: what had to be guessed.
        remarks: what else should be known.
    """

    inputs: Inputs
    reader: str
    form: str
    layout: Layout
    label: str = ""
    time: str = ""
    columns: tuple[Described, ...] = ()
    questions: tuple[Question, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def built_in(self) -> bool:
        return self.reader != "custom"

    def guessed(self, column: str) -> bool:
        """Whether something about a column is a guess."""
        return any(question.column == column for question in self.questions)


def detect(path: str, chosen: Chosen = Chosen()) -> Finding:
    """What can be found out about a file or folder.

    Raises:
        DataError: nothing can be read, or it has no form that is known.
        UsageError: no column can be the label, or a choice names a column that is not there.
    """
    inputs = inputs_of(path)
    name = known.by_files(path, inputs.files)
    if name is not None:
        return _built_in(path, inputs, name)
    seen = sample(inputs.first)
    name = known.by_columns(seen)
    if name is not None:
        return _built_in(path, inputs, name)
    if seen.dialect is not None and seen.dialect.format != "csv":
        pairs = seen.dialect.format
        form = f"{pairs}: a label and {'field:' * (pairs == 'libffm')}index:value pairs"
        return Finding(inputs, "custom", form, validate(Layout, {"format": pairs}, "layout"))
    return _Columns(inputs, seen, chosen).finding()


def _built_in(path: str, inputs: Inputs, name: str) -> Finding:
    kind = find(name)
    whole = Inputs(path, inputs.files)
    return Finding(whole, name, f"{name}: {kind.summary}", kind(path).layout)


class _Columns:
    """Finds the roles of the columns of a sample."""

    def __init__(self, inputs: Inputs, seen: Sample, chosen: Chosen) -> None:
        self._inputs, self._seen, self._chosen = inputs, seen, chosen
        self._profiles = {name: Profile.of(name, cells) for name, cells in seen.columns.items() if name}
        self._known = known.published(seen)
        self._questions: list[Question] = []
        for column in (chosen.label, chosen.time, *chosen.kinds):
            if column is not None and column not in (*self._profiles, NO_TIME):
                raise UnknownNameError("column", column, self._profiles)

    def finding(self) -> Finding:
        label, others = self._label()
        split = next((p.name for p in self._profiles.values() if p.name != label.column and _is_split(p)), None)
        time = self._time(label.column)
        taken = {label.column, time, split}
        columns = [
            self._described(profile, label, others) for profile in self._profiles.values() if profile.name not in taken
        ]
        columns = [*with_weights(columns, self._profiles), *self._parts(time)]
        columns += [Described(name, None, "its name occurs twice in the header") for name in self._seen.repeated]
        if "" in self._seen.columns:
            columns.append(Described("", None, "it has no name"))
        if not any(one.field for one in columns):
            raise DataError(
                f"{self._seen.source}: besides the label {label.column!r} no column can be used as a field."
            )
        layout = self._layout(label, time, split, columns)
        inputs, remarks = with_labels(self._inputs, layout)
        return Finding(
            inputs,
            "custom",
            self._form(),
            layout,
            label.why,
            self._span(time),
            tuple(columns),
            tuple(self._questions),
            remarks,
        )

    def _form(self) -> str:
        seen, dialect = self._seen, self._seen.dialect
        rows = f"{seen.rows:,} rows, all looked at" if seen.whole else f"the first {seen.rows:,} rows looked at"
        if dialect is None:
            return f"{seen.format}; {rows}"
        shown = {"\t": "a tab", " ": "a blank"}.get(dialect.delimiter, repr(dialect.delimiter))
        header = "with a header" if dialect.header else "without a header"
        bad = f"; {seen.rejected:,} lines cannot be read" if seen.rejected else ""
        title = f" of {self._known.title}" if self._known else ""
        return f"text{title}, {shown} between cells, {header}; {rows}{bad}"

    # ------------------------------------------------------------------------------------------------------- roles

    def _label(self) -> tuple[Candidate, list[str]]:
        """The label, and other columns that have the name of one."""
        given = self._chosen.label or (self._known.label if self._known else None)
        found = labels.candidates(list(self._profiles.values()))
        if given is not None:
            best = labels.candidate(self._profiles[given])
            if best is None:
                raise UsageError(
                    f"column {given!r} cannot be the label: it needs two values, or numbers (it has "
                    f"{self._profiles[given].distinct:,}: {self._profiles[given].examples()}). Write a layout with a "
                    "[label] of its own, and prepare it with `wideload data prepare custom`."
                )
        elif not found:
            names = ", ".join(self._profiles)
            raise UsageError(
                f"{self._seen.source}: no column has two values, so none can be the label. Name one with --label. "
                f"Columns: {names}."
            )
        else:
            best = found[0]
            if not best.named:
                self._ask("label", best.column, "Which column is the label?", [one.column for one in found])
        best = self._with_positive(best)
        return best, [one.column for one in found if one.named and one.column != best.column]

    def _with_positive(self, best: Candidate) -> Candidate:
        """The label with the text that means 1."""
        words = self._profiles[best.column].words.to_pylist()
        rule = best.label
        if rule.positive is None:
            return best
        given = self._chosen.positive
        if given is None:
            if not best.sure:
                choices = [*rule.positive, *(rule.allowed or ())]
                self._ask("positive", best.column, f"Which value of {best.column} is 1?", choices)
            return best
        if given not in words:
            raise UnknownNameError(f"value of {best.column}", given, words)
        rest = tuple(word for word in words if word != given)
        label = rule.changed(positive=(given,), allowed=rest)
        return replace(best, label=label, why=f"1 where it is {given}, otherwise 0", sure=True)

    def _time(self, label: str) -> str | None:
        given = self._chosen.time or (self._known.time if self._known else None)
        if given is not None:
            return None if given == NO_TIME else given
        found = [p.name for p in self._profiles.values() if p.name != label and moments.is_time(p)]
        if len(found) > 1:
            self._ask("time", found[0], "Which column is the time of a row?", [*found, NO_TIME])
        return found[0] if found else None

    def _span(self, time: str | None) -> str:
        return "" if time is None else moments.span(self._profiles[time])

    def _parts(self, time: str | None) -> list[Described]:
        """The hour and the weekday of a row, where the sample has enough of them and nothing else has these names."""
        if time is None:
            return []
        seen = moments.parts(self._profiles[time])
        return [
            Described(time, InputField(name=part, column=time, part=part), f"of {time}; {number} different")
            for part, number in seen.items()
            if part not in self._profiles
        ]

    def _described(self, profile: Profile, label: Candidate, others: list[str]) -> Described:
        name, kind = profile.name, self._chosen.kinds.get(profile.name)
        why = "chosen" if kind == "out" else "" if kind else self._left_out(profile, label, others)
        if why:
            return Described(name, None, why)
        if kind is not None:
            return chosen(profile, _kind(name, kind))
        found = describe(profile, self._seen.whole, self._known.kinds.get(name) if self._known else None)
        if not found.sure and found.field is not None:
            other = "number" if found.field.kind != "number" else "integer"
            choices = (found.field.kind, other, "out")
            self._ask("kind", name, f"What is {name} ({found.why})?", choices)
        return found

    def _left_out(self, profile: Profile, label: Candidate, others: list[str]) -> str:
        name = profile.name
        if self._known is not None and name in self._known.left_out:
            return self._known.left_out[name]
        if name in others and profile.distinct <= 2:
            return "another label"
        if moments.is_time(profile):
            return "another time"
        if moments.is_other_date(profile):
            return f"a date that is not ISO 8601: {profile.examples(1)}"
        return "known only after the label: it has a value where that is 1" if self._leaks(profile, label) else ""

    def _leaks(self, profile: Profile, label: Candidate) -> bool:
        """Whether a column has values nearly only in rows with label 1, and there nearly always."""
        ones = _ones(self._profiles[label.column], label)
        if profile.lists or ones is None or not profile.missing:
            return False
        there = profile.cells.is_valid().to_numpy(zero_copy_only=False)
        return bool(ones.any() and there[ones].mean() >= 0.9 and there[~ones].mean() <= 0.001)

    def _ask(self, about: str, column: str, text: str, choices: Any) -> None:
        self._questions.append(Question(about, column, text, tuple(choices)))

    # ------------------------------------------------------------------------------------------------------ layout

    def _layout(self, label: Candidate, time: str | None, split: str | None, columns: list[Described]) -> Layout:
        dialect = self._seen.dialect
        values: dict[str, Any] = {"format": self._seen.format, "missing": tuple(self._missing())}
        if dialect is not None:
            values |= {"delimiter": dialect.delimiter, "header": dialect.header, "quoted": dialect.quoted}
            values |= {} if dialect.header else {"columns": dialect.names}
        fields = tuple(one.field for one in columns if one.field is not None)
        return Layout(**values, label=label.label, time=time, split=split, field=fields)

    def _missing(self) -> Iterator[str]:
        """The words for "no value" that occur."""
        flat = [cells.flatten() if profile.lists else cells for profile, cells in self._raw()]
        for word in MISSING:
            if any(pc.any(pc.equal(pc.utf8_trim_whitespace(cells), word)).as_py() for cells in flat):
                yield word

    def _raw(self) -> Iterator[tuple[Profile, Any]]:
        return ((self._profiles[name], cells) for name, cells in self._seen.columns.items() if name)


def with_labels(inputs: Inputs, layout: Layout) -> tuple[Inputs, tuple[str, ...]]:
    """The files without official ones that have no label, and what is to be said about that."""
    without = {split: path for split, path in inputs.official.items() if not _has_label(path, layout)}
    official = {split: path for split, path in inputs.official.items() if split not in without}
    remarks = tuple(
        f"{Path(path).name} has no column {layout.label.column!r}, so it cannot be the {split} split"
        for split, path in without.items()
    )
    return replace(inputs, official=official), remarks


def _has_label(path: str, layout: Layout) -> bool:
    """Whether a file has the column of the label; True where its columns have no names."""
    if layout.format == "parquet":
        return layout.label.column in pq.read_schema(path).names
    if layout.format != "csv" or not layout.header:
        return True
    return layout.label.column in delimited.names_in_header(path, layout.delimiter, layout.quoted)


def _kind(column: str, given: str) -> Kind:
    """A kind by its name.

    Raises:
        UnknownNameError: there is no such kind.
    """
    for kind in get_args(Kind):
        if kind == given:
            return cast(Kind, kind)
    raise UnknownNameError(f"kind of {column}", given, (*get_args(Kind), "out"))


def _is_split(profile: Profile) -> bool:
    return not profile.lists and 2 <= profile.distinct <= 3 and names_splits(profile.words) and not profile.missing


def _ones(profile: Profile, label: Candidate) -> Any:
    """In which rows the label is 1; None where it is compared as a number."""
    if label.label.at_least is not None:
        return None
    words = [word.lower() for word in label.label.positive or ("1", "1.0", "true")]
    return pc.fill_null(pc.is_in(pc.utf8_lower(profile.cells), value_set=pa.array(words, pa.string())), False).to_numpy(
        zero_copy_only=False
    )
