"""What the page's script gets: the records as columns, and the figures.

Rows are arrays under one list of field names. The whole is JSON, gzipped and in base64: a tenth of the size, and the
page that holds it can take no string in it for anything but data. Losses stay in the run folder (the parity table says
what they show); log tails are shortened.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Sequence
from typing import Any

from wideload.harness.records.results import RankRecord, RunRecord
from wideload.reports import text
from wideload.reports.findings import naming
from wideload.reports.findings.race import Group, Race, Setting
from wideload.reports.html import choices, palette
from wideload.reports.html.figures.figure import Figure

LOG_TAIL_LETTERS = 4000
RUN_FIELDS = tuple(name for name in RunRecord.model_fields if name not in ("schema_version", "losses", "log_tail"))
RANK_FIELDS = tuple(name for name in RankRecord.model_fields if name not in ("schema_version", "case_id", "attempt"))


def payload(race: Race, figures: Sequence[Figure], focus: int) -> dict[str, Any]:
    """Everything in one JSON-ready object; ``focus`` is the index of the setting shown first."""
    results = race.results
    return {
        "name": text.label(results.path.resolve().name),
        "focus": focus,
        "entrants": [
            {
                "label": text.label(each.label),
                "strategy": each.strategy,
                "ink": palette.entrant_ink(each),
                "symbol": palette.entrant_symbol(each),
            }
            for each in race.entrants
        ],
        "settings": [_setting(each) for each in race.settings],
        "options": [{"name": each.name, "count": len(each.choices), "of": each.of} for each in choices.options(race)],
        "groups": [_group(race, each) for each in race.groups],
        "ceilings": [[race.places[run.case_id], setting.index] for setting, run in race.ceilings],
        "runs": {"fields": [*RUN_FIELDS, "log_tail"], "rows": [_run(run) for run in results.runs]},
        "ranks": {
            "fields": list(RANK_FIELDS),
            "rows": _ranks(race),
        },
        "figures": [figure.as_json() for figure in figures],
    }


def packed(content: dict[str, Any]) -> str:
    """Gzipped JSON in base64; the same bytes for the same content.

    Raises:
        ValueError: NaN or infinity, which JSON does not have.
    """
    plain = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(plain, 9, mtime=0)).decode()


def unpacked(words: str) -> dict[str, Any]:
    """The content of :func:`packed`."""
    content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(words)))
    return content


def cut(log: str | None) -> str | None:
    """The end of a log, which is where the reason is."""
    if log is None or len(log) <= LOG_TAIL_LETTERS:
        return log
    return f"[{len(log) - LOG_TAIL_LETTERS:,} characters cut]\n{log[-LOG_TAIL_LETTERS:]}"


def _ranks(race: Race) -> dict[str, list[list[Any]]]:
    """Rank rows by case."""
    rows: dict[str, list[list[Any]]] = {}
    for rank in race.results.ranks:
        rows.setdefault(rank.case_id, []).append(_row(rank, RANK_FIELDS))
    return rows


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "label": text.label(setting.label),
        "data": setting.dataset,
        "dataLabel": text.label(setting.data_label),
        "family": naming.family(setting.dataset),
        "ranks": setting.ranks,
        "batch": setting.batch_size,
    }


def _group(race: Race, group: Group) -> dict[str, Any]:
    return {
        "setting": group.setting.index,
        "entrant": group.entrant.index,
        "parity": race.parity(group),
        "unranked": group.unranked and text.label(str(group.unranked), 200),
        "runs": [race.places[run.case_id] for run in group.runs],
    }


def _run(run: RunRecord) -> list[Any]:
    return [*_row(run, RUN_FIELDS), cut(run.log_tail)]


def _row(record: RunRecord | RankRecord, fields: Sequence[str]) -> list[Any]:
    content = record.model_dump(mode="json")
    return [_finite(content[name]) for name in fields]


def _finite(value: Any) -> Any:
    """A number that is not finite as the string that the records write for it."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
