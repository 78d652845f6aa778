"""Published data sets, recognised by their files' names or columns: nothing about them needs to be guessed.

Some have a reader of their own (:mod:`wideload.datasets.readers`). The columns of the others are described as those of
any file; ``PUBLISHED`` has what is known beforehand: the label, the time, and the columns that must be left out, for
instance because they are only known after the click.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wideload.datasets.detect.profile import HEX
from wideload.datasets.detect.sample import Sample
from wideload.datasets.readers import criteo, frappe
from wideload.datasets.readers.layout import Kind


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of a published data set.

    Attributes:
        title: for people.
        columns: by which it is recognised; all must be there.
        left_out: columns that are no fields, with the reason.
        kinds: of columns whose values alone would not tell.
    """

    title: str
    columns: frozenset[str]
    label: str
    time: str
    left_out: Mapping[str, str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)


PUBLISHED = (
    Published(
        "TalkingData AdTracking",
        frozenset(("ip", "app", "device", "os", "channel", "click_time", "is_attributed")),
        label="is_attributed",
        time="click_time",
        left_out={"attributed_time": "known only after a download"},
        kinds=dict.fromkeys(("ip", "app", "device", "os", "channel"), "id"),
    ),
    Published(
        "Open Bandit",
        frozenset(("timestamp", "item_id", "position", "click", "propensity_score")),
        label="click",
        time="timestamp",
        left_out={"propensity_score": "says what the logging policy did, not what a visitor does"},
        kinds={"item_id": "id", "position": "id"},
    ),
    Published(
        "iPinYou",
        frozenset(("click", "bidid", "timestamp", "ipinyouid", "usertag", "payprice")),
        label="click",
        time="timestamp",
        left_out={
            "bidid": "another value in every row",
            "logtype": "says which log a row is from",
            "payprice": "known only after the auction",
            "keypage": "known only after the click",
        },
        kinds={
            **dict.fromkeys(("weekday", "hour", "region", "city", "adexchange", "slotvisibility"), "id"),
            **dict.fromkeys(("slotformat", "advertiser"), "id"),
            **dict.fromkeys(("slotwidth", "slotheight", "slotprice", "bidprice"), "number"),
            **dict.fromkeys(("ipinyouid", "IP", "url", "urlid", "slotid", "creative", "useragent"), "text"),
        },
    ),
)
"""Data sets without a reader of their own."""

_AVAZU = frozenset(("click", "hour", "C1", "banner_pos", "site_id", "device_ip"))
_CENSUS = ("age", "workclass", "education", "marital_status", "occupation", "relationship", "race", "income")


def by_files(path: str, files: tuple[str, ...]) -> str | None:
    """The reader of data that are known by the names of their files; None where the names do not tell."""
    folder = Path(path).is_dir()
    names = [Path(file).name for file in files]
    if any(name in ("u.data", "ratings.dat") for name in names):
        return "movielens"
    if folder and {"ratings.csv", "movies.csv"} <= set(names):
        return "movielens"
    if any(name.startswith("frappe") and ".libfm" in name for name in names):
        return "frappe"
    if any(name in ("adult.data", "adult.test") for name in names):
        return "census"
    pair = [name for name in names if re.match(r"adult.*(train|test).*\.csv", name)]
    return "census" if folder and len(pair) > 1 else None


def by_columns(sample: Sample) -> str | None:
    """The reader of data that are known by their columns; None where they do not tell."""
    names = set(sample.columns)
    if _is_criteo(sample, names):
        return "criteo"
    if names >= _AVAZU:
        return "avazu"
    if sample.format == "csv" and names >= {"user_id", "movie_id", "rating", "timestamp"}:
        return "movielens"
    if sample.format == "parquet" and names >= {*frappe.FIELDS, "label", "split"}:
        return "frappe"
    return None


def published(sample: Sample) -> Published | None:
    """What is known of a data set without a reader of its own."""
    return next((one for one in PUBLISHED if one.columns <= set(sample.columns)), None)


def _is_criteo(sample: Sample, names: set[str]) -> bool:
    if set(criteo.COLUMNS) <= names:
        return True
    dialect = sample.dialect
    if dialect is None or dialect.header or dialect.delimiter != "\t" or len(names) != len(criteo.COLUMNS):
        return False
    words = [word for name in dialect.names[14:] for word in sample.columns[name][:100].to_pylist() if word]
    return bool(words) and all(re.fullmatch(HEX, word) for word in words)
