"""Checks that a strategy or data set of a third party implements its contract: ``wideload check --plugin NAME``.

====================  =====================================================================================
a strategy            declares itself; says whether it is usable; trains and evaluates in real jobs of 1, 2 and 3
                      ranks, with a last batch so short that some shares are empty; follows the reference
a data set            declares itself; has examples; serves labels of 0 and 1 and every field of its schema; the
                      shares of several ranks make up the batch of one; seed and epoch alone decide the order;
                      a start skips whole batches; equal data have equal fingerprints
====================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from wideload import datasets, strategies
from wideload.errors import UnknownNameError, WideloadError
from wideload.harness.experiment.experiment import from_document
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import NotJudged
from wideload.harness.sweep.sweep import Sweep, Watcher
from wideload.options import Spec

if TYPE_CHECKING:
    import pyarrow as pa

    from wideload.datasets.contract import Dataset, Plan
    from wideload.harness.contract import Strategy

RANKS = (1, 2, 3)
BATCH = 100
EXAMPLES = 10 * BATCH + 1
PROBLEM = f"planted[slots=3,vocabulary=50,numeric=2,examples={EXAMPLES},test_examples=200]"
LOOK = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and whether it holds; ``reason`` says what was found instead."""

    rule: str
    kept: bool
    reason: str = ""


def check_plugin(text: str, folder: Path, watcher: Watcher, hosts: Hosts) -> list[Finding]:
    """Checks the strategy or data set of that name; ``text`` may contain options.

    Raises:
        UnknownNameError: there is neither.
    """
    name = Spec.parse(text).name
    if name in strategies.names():
        return [*_declaration(text), *_jobs(text, folder, watcher, hosts)]
    if name in datasets.names():
        return list(check_dataset(datasets.load(text)))
    raise UnknownNameError("strategy or data set", name, [*strategies.names(), *datasets.names()])


def _declaration(text: str) -> list[Finding]:
    spec = Spec.parse(text)
    kind = strategies.find(spec.name)
    usable = kind.availability()
    return [
        Finding("its name is that of its entry point", kind.name == spec.name, f"name is {kind.name!r}"),
        Finding("it has a summary", bool(kind.summary), "summary is empty"),
        Finding("its keys are signs or ids", kind.keys in ("signs", "ids"), f"keys is {kind.keys!r}"),
        Finding("its options have defaults", _has_defaults(kind), "Options() raises"),
        Finding("it is usable here, or says why not", usable.usable or bool(usable.reason), "no reason given"),
    ]


def _has_defaults(kind: type[Strategy]) -> bool:
    try:
        kind()
    except (WideloadError, ValueError):
        return False
    return True


def _jobs(text: str, folder: Path, watcher: Watcher, hosts: Hosts) -> list[Finding]:
    document = {
        "strategies": [text],
        "ranks": list(RANKS),
        "parity": True,
        "warmup_steps": 0,
        "workload": {"dataset": PROBLEM, "batch_size": BATCH, "epochs": 2},
    }
    sweep = Sweep.prepare(from_document(document, "plugin"), folder, watcher, hosts)
    runs = [run for run in sweep.run("all") if run.strategy == Spec.parse(text).name]
    findings = []
    for run in runs:
        on = f"on {run.ranks} rank{'s' if run.ranks > 1 else ''}"
        findings.append(Finding(f"it trains {on}, empty shares included", run.status == "ok", run.error or ""))
        findings.append(Finding(f"it predicts {on}", run.auc is not None, "no AUC: predictions are not finite"))
    for check in sweep.checks:
        kept = check.verdict == "pass" or check.not_judged is NotJudged.ASYNCHRONOUS
        reason = check.reason or f"largest relative difference {check.max_relative}"
        findings.append(Finding(f"it follows the reference on {check.ranks} ranks", kept, reason))
    return findings


def check_dataset(dataset: Dataset) -> Iterator[Finding]:
    """The findings for every rule of a data set."""
    from wideload.datasets.contract import Plan

    plan = Plan(BATCH, seed=1)
    yield Finding("it has training examples", dataset.size("train") > 0, f"size is {dataset.size('train')}")
    yield _fields(dataset, plan)
    yield _equal("shares of three ranks make up the batch of one", _shares(dataset), _first(dataset, plan))
    yield _equal("the same seed gives the same order", _first(dataset, plan), _first(dataset, plan))
    others = [Plan(BATCH, seed=2), Plan(BATCH, seed=1, epoch=1)]
    for what, other in zip(("another seed", "another epoch"), others, strict=True):
        kept = _first(dataset, other) != _first(dataset, plan) or dataset.size("train") < LOOK
        yield Finding(f"{what} gives another order", kept, "the batches are the same")
    skipped = Plan(BATCH, seed=1, start=1)
    yield _equal("a start skips whole batches", _first(dataset, skipped, LOOK - 1), _first(dataset, plan)[1:])
    yield Finding("its fingerprint is 16 hex digits", _is_digest(dataset.fingerprint()), dataset.fingerprint())
    again = type(dataset)(dataset.options)
    yield Finding("equal data have equal fingerprints", again.fingerprint() == dataset.fingerprint(), "they differ")


def _fields(dataset: Dataset, plan: Plan) -> Finding:
    schema = dataset.schema()
    rule = "batches hold a label of 0 or 1 and every field"
    for batch in islice(dataset.stream("train", plan), LOOK):
        wanted = {schema.label, *(field.name for field in schema.fields)}
        if missing := wanted - set(batch.schema.names):
            return Finding(rule, False, f"missing: {', '.join(sorted(missing))}")
        labels = set(batch.column(schema.label).to_pylist())
        if not labels <= {0.0, 1.0}:
            return Finding(rule, False, f"labels are {sorted(labels)[:5]}")
    return Finding(rule, True)


def _first(dataset: Dataset, plan: Plan, count: int = LOOK) -> list[dict[str, list[object]]]:
    return [batch.to_pydict() for batch in islice(dataset.stream("train", plan), count)]


def _shares(dataset: Dataset) -> list[dict[str, list[object]]]:
    from wideload.datasets.contract import Plan

    streams = [dataset.stream("train", Plan(BATCH, rank, 3, seed=1)) for rank in range(3)]
    return [_joined(parts) for parts in islice(zip(*streams, strict=True), LOOK)]


def _joined(parts: tuple[pa.RecordBatch, ...]) -> dict[str, list[object]]:
    whole: dict[str, list[object]] = {}
    for part in parts:
        for name, values in part.to_pydict().items():
            whole.setdefault(name, []).extend(values)
    return whole


def _equal(rule: str, found: object, expected: object) -> Finding:
    return Finding(rule, found == expected, "the batches differ")


def _is_digest(text: str) -> bool:
    return len(text) == 16 and all(letter in "0123456789abcdef" for letter in text)
