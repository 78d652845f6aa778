"""Renders a description as a section of an HTML report: no script, no style, all text escaped."""

from __future__ import annotations

from html import escape

from wideload.datasets.describe.describe import Description, FieldSummary


def section(description: Description) -> str:
    """Returns one ``<section>`` with a table of splits and a table of fields."""
    splits = "".join(
        _row(split.name, f"{split.rows:,}", "" if split.label_rate is None else f"{split.label_rate:.4f}", split.shards)
        for split in description.splits
    )
    fields = "".join(_row(*cells(field)) for field in description.fields)
    split_head = _row("split", "rows", "label rate", "shards", tag="th")
    field_head = _row(*COLUMNS, tag="th")
    return (
        f'<section class="data-set"><h2>Data set {escape(description.path)}</h2>'
        f"<p>{description.rows_in:,} rows read, {description.rows_out:,} taken, {description.rejected:,} rejected, "
        f"{description.dropped:,} left out; "
        f"fingerprint {escape(description.fingerprint)}.</p>"
        f"<table><thead>{split_head}</thead><tbody>{splits}</tbody></table>"
        f"<table><thead>{field_head}</thead><tbody>{fields}</tbody></table></section>"
    )


COLUMNS = ("field", "kind", "missing", "distinct", "values", "lengths", "drift")


def cells(field: FieldSummary) -> tuple[str, ...]:
    """Returns the texts of one field's cells, in the order of COLUMNS."""
    return (
        field.name,
        f"list of {field.kind}" if field.multi_valued else field.kind,
        f"{field.missing:.1%}",
        "" if field.distinct is None else f"{'' if field.exact else '~'}{field.distinct:,}",
        _values(field),
        "" if field.lengths is None else f"{field.lengths[0]} / {field.lengths[1]:.2f} / {field.lengths[2]}",
        f"{field.drift:.3f}" + ("" if field.unseen is None else f", {field.unseen:.1%} new"),
    )


def _values(field: FieldSummary) -> str:
    if field.kind == "number":
        return "" if field.mean is None else f"{field.low:g} / {field.mean:.4g} / {field.high:g}"
    return ", ".join(f"{value} {share:.1%}" for value, share in field.top[:3])


def _row(*values: object, tag: str = "td") -> str:
    inside = "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values)
    return f"<tr>{inside}</tr>"
