"""The cases of an experiment, in the order in which they are run.

::

    round 0:  reference, A, B, C, ceilings      of every variant
    round 1:  reference, A, B, C, ceilings      ...

The cases of one round run close together in time, so a temporary disturbance of the machine affects them alike, and
ratios within a round are fair. The reference comes first: the others are checked against it as soon as they end.
"""

from __future__ import annotations

from dataclasses import dataclass

from wideload import datasets, strategies
from wideload.harness.contract import Strategy
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.experiment import Ceiling, Experiment
from wideload.harness.records.results import Kind
from wideload.options import Spec


@dataclass(frozen=True, slots=True)
class Planned:
    """A case, and what the sweep needs to know about it.

    Attributes:
        unavailable: why the strategy cannot run here; empty if it can.
        synchronous: whether parity is expected of it.
        is_reference: parity compares the other cases of the variant with this one.
        keys, sharded: decide how much memory tables need, see :mod:`wideload.harness.sweep.preflight`.
    """

    case: Case
    round: int
    unavailable: str = ""
    synchronous: bool = True
    is_reference: bool = False
    keys: str = "ids"
    sharded: bool = False


def plan(experiment: Experiment) -> list[Planned]:
    """All cases, each of them once.

    Raises:
        UnknownNameError: a strategy, data set or option does not exist; the message names the nearest one.
    """
    if experiment.baseline is not None:
        _strategy(Spec.parse(experiment.baseline))
    variants = experiment.variants()
    rounds = max((variant.repeats for variant in variants), default=0)
    planned: dict[str, Planned] = {}
    for number in range(rounds):
        for variant in variants:
            if number < variant.repeats:
                for entry in _round(variant, number):
                    planned.setdefault(entry.case.case_id, entry)
    return list(planned.values())


def _round(variant: Experiment, number: int) -> list[Planned]:
    _check_dataset(variant.workload.dataset)
    entries = []
    for ranks in variant.ranks:
        specs = [spec for spec in variant.specs() if not variant.excludes(spec, ranks)]
        if not specs:
            continue
        strategies_of_round = [_strategy_case(variant, spec, ranks, number) for spec in specs]
        has_reference = any(entry.is_reference for entry in strategies_of_round)
        if variant.parity and not has_reference and number == 0:
            strategies_of_round.append(_short_reference(variant, ranks))
        # sorted is stable: the reference comes first, the others stay in the order in which they were written.
        entries += sorted(strategies_of_round, key=lambda entry: not entry.is_reference)
        entries += [_ceiling_case(variant, kind, ranks, number) for kind in variant.ceilings]
    return entries


def _check_dataset(text: str) -> None:
    spec = Spec.parse(text)
    spec.options(datasets.find(spec.name).Options)


def _case(variant: Experiment, strategy: Strategy, spec: Spec, ranks: int, number: int, kind: Kind = "train") -> Case:
    return Case.of(
        variant,
        kind=kind,
        strategy=spec.name,
        options=strategy.options.model_dump(mode="json", exclude_defaults=True),
        distributed=strategy.distributed or kind != "train",
        ranks=ranks,
        repeat=number,
        kept_losses=variant.parity_steps,
    )


def _strategy_case(variant: Experiment, spec: Spec, ranks: int, number: int) -> Planned:
    strategy = _strategy(spec)
    case = _case(variant, strategy, spec, ranks, number)
    availability = strategy.availability()
    return Planned(
        case,
        number,
        "" if availability.usable else availability.reason,
        strategy.synchronous,
        spec == Spec.parse(variant.reference),
        strategy.keys,
        strategy.sharded,
    )


def _short_reference(variant: Experiment, ranks: int) -> Planned:
    """The reference when it is needed for parity only: as many steps as are compared, no evaluation."""
    workload = variant.workload.changed(steps=_fewer(variant.workload.steps, variant.parity_steps))
    short = variant.without_evaluation().changed(workload=workload, warmup_steps=0)
    return _strategy_case(short, Spec.parse(variant.reference), ranks, 0)


def _fewer(steps: int | None, limit: int) -> int:
    return limit if steps is None else min(steps, limit)


def _ceiling_case(variant: Experiment, kind: Ceiling, ranks: int, number: int) -> Planned:
    """A ceiling runs with the reference's options on every rank; only ``alone`` needs the reference itself."""
    spec = Spec.parse(variant.reference)
    strategy = _strategy(spec)
    case = _case(variant.without_evaluation(), strategy, spec, ranks, number, kind)
    availability = strategy.availability()
    unavailable = availability.reason if kind == "alone" and not availability.usable else ""
    return Planned(case, number, unavailable, synchronous=False, keys=strategy.keys)


def _strategy(spec: Spec) -> Strategy:
    kind = strategies.find(spec.name)
    return kind(spec.options(kind.Options))
