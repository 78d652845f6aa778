"""A layout as a commented TOML document: what each column is, what was seen of it, and what was guessed."""

from __future__ import annotations

from collections.abc import Iterator

from wideload.datasets.detect.finding import Finding
from wideload.toml import assignment

_GUESS = "(a guess)"


def document(finding: Finding) -> str:
    """The layout of a finding of format ``custom``, which ``wideload data prepare custom --layout`` reads."""
    return "\n".join(_lines(finding)) + "\n"


def _lines(finding: Finding) -> Iterator[str]:
    kept = finding.layout.kept
    label, fields = kept.pop("label"), kept.pop("field", [])
    yield f"# How {finding.inputs.first} is read, written by `wideload start`; change what is wrong, and start again."
    yield f"# {_safe(finding.form)}."
    yield assignment("format", kept.pop("format", "csv"))
    yield from _times(finding, kept.pop("time", None))
    yield from (assignment(key, value) for key, value in kept.items())
    if label["column"] != 0:
        guess = f" {_GUESS}" if finding.guessed(label["column"]) else ""
        yield from ("", f"# {_safe(finding.label)}{guess}", "[label]")
        yield from (assignment(key, value) for key, value in label.items())
    found = {one.field.name: one for one in finding.columns if one.field is not None}
    for field in fields:
        one = found[field["name"]]
        yield from ("", f"# {_safe(one.why)}{'' if one.sure else f' {_GUESS}'}", "[[field]]")
        yield from (assignment(key, value) for key, value in {"name": "", "kind": "text", **field}.items())
    out = [one for one in finding.columns if one.field is None]
    if out:
        yield from ("", "# Left out:")
        yield from (f"#   {_safe(one.column) or 'a column without a name'}: {_safe(one.why)}" for one in out)


def _times(finding: Finding, time: str | None) -> Iterator[str]:
    if time is not None:
        guess = f" {_GUESS}" if finding.guessed(str(time)) else ""
        yield f"# The rows are split by time: {_safe(finding.time)}{guess}"
        yield assignment("time", time)


def _safe(text: str) -> str:
    """Text from data in a comment: without control characters, which TOML forbids there."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
