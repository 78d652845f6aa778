"""What to measure: a workload, the strategies to run it under, and how often; read from TOML or from options.

::

    parity = true                                   a strategy must follow the reference to be ranked
    strategies = ["local", "sparse_ps[mode=[sync,async]]"]
    ranks = [2]
    [workload]                                      fields of wideload.harness.workload.workload.Workload
    dataset = "census"
    [matrix]                                        every combination of these is one variant
    workload.batch_size = [1024, 4096]
    [[exclude]]                                     drops the variants and strategies that match every key
    strategy = "horovod"
    workload.batch_size = 4096
    [[include]]                                     one more variant
    workload.batch_size = 65536

The command line overrides the file, and the file overrides defaults: overrides are dotted keys, merged into the
document before it is validated.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from wideload import toml
from wideload.errors import UsageError
from wideload.harness.experiment import renamed
from wideload.harness.experiment.case import Terms
from wideload.harness.experiment.checkpointing import Checkpointing, Settings
from wideload.harness.experiment.duration import Duration
from wideload.options import Spec, expand, validate

Ceiling = Literal["tower", "input", "alone"]
_VARIANT_KEYS = ("matrix", "exclude", "include")


class Experiment(Terms):
    """One experiment, validated. What its cases have in common is in :class:`Terms`; the matrix varies it.

    Attributes:
        strategies: ``name`` or ``name[option=value,...]``; a value in brackets is a grid.
        ranks: job sizes, each measured.
        repeats: rounds; the cases of a round run one after the other before the next round starts.
        time_limit: for one case as a whole; stall_limit: without progress, once training has begun.
        parity: compare every synchronous strategy with ``reference`` over the first ``parity_steps`` steps.
        ceilings: upper bounds to measure next to the strategies.
        background_limit: cores that other processes may use before a case is flagged; background_retries: how often a
            case that was flagged for it, or throttled although it has a core for every thread, is repeated.
        target_auc: what ``wideload race`` measures the time to.
        baseline: the strategy to which ratios are given, at the end of a run and by ``wideload compare``.
        checkpoint: how often cases save checkpoints, and what is kept of them.
    """

    strategies: tuple[str, ...] = Field(min_length=1)
    ranks: tuple[int, ...] = (2,)
    repeats: int = Field(default=1, ge=1)
    warmup_steps: int = Field(default=20, ge=0)
    time_limit: Duration = 600.0
    stall_limit: Duration = 60.0
    parity: bool = False
    parity_steps: int = Field(default=200, ge=1)
    reference: str = "local"
    ceilings: tuple[Ceiling, ...] = ()
    background_limit: float = Field(default=0.15, gt=0)
    background_retries: int = Field(default=0, ge=0)
    target_auc: float | None = Field(default=None, gt=0.5, lt=1)
    baseline: str | None = None
    checkpoint: Checkpointing = Checkpointing()
    matrix: dict[str, Any] = Field(default_factory=dict)
    exclude: tuple[dict[str, Any], ...] = ()
    include: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _resumable(self) -> Self:
        if self.select == "best" and self.checkpoints is not None:
            raise ValueError("a case with select = 'best' cannot resume: leave out [checkpoint]")
        return self

    @field_validator("ranks", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @field_validator("ranks")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 1:
            raise ValueError("expected at least one positive number of ranks")
        return value

    @property
    def checkpoints(self) -> Settings | None:
        """How cases are saved, each into a folder of its own; None: not at all."""
        if self.checkpoint.every is None and self.checkpoint.seconds is None:
            return None
        return Settings.model_validate(self.checkpoint.model_dump())

    def specs(self) -> list[Spec]:
        """The strategies with their grids expanded, in order, without repetition."""
        return list(dict.fromkeys(spec for text in self.strategies for spec in expand(text)))

    def variants(self) -> list[Experiment]:
        """The experiments that the matrix stands for, each without a matrix; only this one when there is none."""
        document = self.model_dump(exclude_unset=True, exclude=set(_VARIANT_KEYS))
        axes = _axes(self.matrix)
        combinations: list[Mapping[str, Any]] = [
            dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
        ]
        combinations += [dict(_leaves(extra)) for extra in self.include]
        return [
            from_document(merge(document, combination), "matrix").excluding(self.exclude)
            for combination in combinations
        ]

    def excluding(self, rules: tuple[dict[str, Any], ...]) -> Experiment:
        """The same experiment with the rules that apply to it, for :meth:`excludes`."""
        return self.changed(exclude=rules)

    def excludes(self, spec: Spec, ranks: int) -> bool:
        """Whether a rule matches this strategy at this job size."""
        facts = dict(_leaves(self.model_dump(mode="json", exclude=set(_VARIANT_KEYS)))) | {"ranks": ranks}
        return any(
            all(_matches(key, value, facts, spec) for key, value in _leaves(rule)) for rule in self.exclude if rule
        )

    def to_toml(self) -> str:
        """The experiment as a document that reads back equal."""
        return toml.dumps(self.model_dump(mode="json", exclude_unset=True))


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> Experiment:
    """Reads an experiment file; ``overrides`` are dotted keys that replace its own.

    Raises:
        UsageError: the file is missing, is not TOML, or holds an invalid value.
        UnknownNameError: an unknown key; names the nearest valid one.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist. `wideload run --help` shows how to run without a file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    where = str(path)
    return from_document(merge(renamed.current(document, where), renamed.overrides(overrides or {})), where)


def from_document(document: Mapping[str, Any], where: str) -> Experiment:
    """Validates a parsed document; ``where`` names it in errors. Keys may have their old names.

    Raises:
        UsageError: an invalid value, or a key under its old name and its new one.
        UnknownNameError: an unknown key; names the nearest valid one.
    """
    document = renamed.current(document, where)
    experiment = validate(Experiment, document, where)
    known = {key for key, _ in _leaves(experiment.model_dump(exclude=set(_VARIANT_KEYS)))}
    for text in experiment.strategies:
        expand(text)
    for key in _axes(experiment.matrix):
        if key not in known and not any(name.startswith(f"{key}.") for name in known):
            # Validating an override that hits nothing reports the key with its nearest valid neighbour.
            validate(Experiment, merge(document, {key: None}), f"matrix of {where}")
    return experiment


def merge(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``document`` with the dotted keys of ``overrides`` set.

    Raises:
        UsageError: a dotted key leads into something that is no table.
    """
    merged = dict(document)
    for path, value in overrides.items():
        head, _, rest = path.partition(".")
        inner = merged.get(head) or {}
        if rest and not isinstance(inner, Mapping):
            raise UsageError(f"{path}: {head} is no table but a value (given: {inner!r}). Set {head} itself.")
        merged[head] = merge(inner, {rest: value}) if rest else value
    return merged


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _axes(matrix: Mapping[str, Any]) -> dict[str, list[Any]]:
    axes = dict(_leaves(matrix))
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"matrix: {key}: expected a list of values (given: {values!r}).")
    return axes


def _matches(key: str, value: Any, facts: Mapping[str, Any], spec: Spec) -> bool:
    if key == "strategy":
        return all(rule.name == spec.name and set(rule.params) <= set(spec.params) for rule in expand(str(value)))
    return bool(facts.get(key) == value)
