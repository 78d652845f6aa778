"""What entrants and data sets are called: a label shows only what tells two of them apart.

``sparse_ps[mode=async]`` next to ``sparse_ps[mode=sync]``, whatever other options the two share; plain ``horovod``
where there is one variant; ``planted, 10,000 ids`` where data sets differ in vocabulary. A label identifies nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from wideload.errors import UsageError
from wideload.options import Spec

VOCABULARY = "vocabulary"
"""The option by which a data set says how many ids a slot has."""


def canonical(options: dict[str, Any]) -> str:
    """JSON with sorted keys: equal for equal options."""
    return json.dumps(options, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def varying(name: str, params: dict[str, Any], variants: list[dict[str, Any]]) -> str:
    """``name[...]`` with only the parameters that are not the same in every variant."""
    keys = {key for variant in variants for key in variant}
    varying = sorted(key for key in keys if len({canonical({"": variant.get(key)}) for variant in variants}) > 1)
    return str(Spec.of(name, {key: params[key] for key in varying if key in params}))


def dataset_labels(datasets: Iterable[str]) -> dict[str, str]:
    """Label of every data set."""
    parsed = {dataset: _spec(dataset) for dataset in sorted(datasets)}
    labels = {}
    for dataset, spec in parsed.items():
        if spec is None:
            labels[dataset] = dataset
            continue
        variants = [dict(other.params) for other in parsed.values() if other is not None and other.name == spec.name]
        labels[dataset] = _dataset_label(spec, variants)
    return labels


def _dataset_label(spec: Spec, variants: list[dict[str, Any]]) -> str:
    """``planted[zipf=1.1], 10,000 ids``: the vocabulary as a number, other differing options as written."""
    others = [{key: value for key, value in variant.items() if key != VOCABULARY} for variant in variants]
    own = {key: value for key, value in spec.params if key != VOCABULARY}
    label = varying(spec.name, own, others)
    ids = vocabulary(str(spec))
    return label if ids is None else f"{label}, {ids:,} ids"


def _spec(text: str) -> Spec | None:
    try:
        return Spec.parse(text)
    except UsageError:
        return None


def family(dataset: str) -> str:
    """The data set without its options: what data sets of several vocabulary sizes share."""
    spec = _spec(dataset)
    return spec.name if spec else dataset


def vocabulary(dataset: str) -> int | None:
    """Ids per slot, where the spec of the data set gives them."""
    spec = _spec(dataset)
    value = dict(spec.params).get(VOCABULARY, "") if spec else ""
    return int(value) if value.replace("_", "").isdigit() else None
