"""Who ran against whom.

::

    Setting   what must be equal to compare: data set, ranks, batch size, workload fingerprint
    Entrant   a strategy with its options
    Group     one entrant in one setting: its repeats, and why it is not ranked, if it is not
    Race      all of them, with the ceilings of each setting

Labels show only what tells two things apart: an option that is the same for every variant of a strategy is shown in
the drawer alone. Identity never depends on a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from wideload.harness.records.results import ParityRecord, Results, RunRecord
from wideload.reports.findings import naming
from wideload.reports.findings.memory_use import MemoryUse
from wideload.reports.findings.places import places, variants

SettingKey = tuple[str, int, int, str]
EntrantKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A strategy with its options.

    Attributes:
        index: its place in ``Race.entrants``.
        options: as canonical JSON.
        place: of the strategy among the colours and symbols, the same in every report.
        variant: number of these options among those of the strategy; 0 without options.
    """

    index: int
    strategy: str
    options: str
    label: str
    place: int
    variant: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One comparable situation.

    Attributes:
        vocabulary: ids per slot, where the data set's spec says so.
        label: names everything that tells settings apart; ``short_label``: for tables with a column of ranks.
    """

    index: int
    dataset: str
    data_label: str
    ranks: int
    batch_size: int
    workload: str
    vocabulary: int | None
    label: str
    short_label: str


class UnrankedKind(StrEnum):
    """Why a group is shown but not ranked."""

    UNFINISHED = "unfinished"
    PARITY = "parity"
    STARVED = "starved"


@dataclass(frozen=True, slots=True)
class Unranked:
    """A reason not to rank a group: its kind for the program, its text for people."""

    kind: UnrankedKind
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Group:
    """The repeats of one entrant in one setting. ``unranked`` is None, or the reason why it is shown but not ranked."""

    index: int
    setting: Setting
    entrant: Entrant
    runs: tuple[RunRecord, ...]
    unranked: Unranked | None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for the same entrant in the same setting of two runs."""
        setting, entrant = self.setting, self.entrant
        return setting.dataset, setting.ranks, setting.batch_size, setting.workload, entrant.strategy, entrant.options

    @property
    def distributed(self) -> bool:
        """Whether several processes trained, or the setting has one rank only."""
        return self.setting.ranks == 1 or any(run.processes > 1 for run in self.runs)

    @property
    def ok(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.runs if run.status == "ok")

    def values(self, metric: Callable[[RunRecord], float | None]) -> list[float]:
        """The metric of every finished repeat that has it, as a finite number."""
        return list(self.rounds(metric).values())

    def middle(self, metric: Callable[[RunRecord], float | None]) -> float | None:
        """Median over the finished repeats."""
        values = self.values(metric)
        return median(values) if values else None

    def rounds(self, metric: Callable[[RunRecord], float | None]) -> dict[int, float]:
        """The metric by repeat, which is the round that a case ran in: paired comparisons pair equal rounds."""
        return {run.repeat: value for run in self.ok if (value := metric(run)) is not None and math.isfinite(value)}


@dataclass(frozen=True, slots=True)
class Race:
    """``places``: index of a case in ``results.runs``; ``memory``: how the memory of a job is measured."""

    results: Results
    settings: tuple[Setting, ...]
    entrants: tuple[Entrant, ...]
    groups: tuple[Group, ...]
    ceilings: tuple[tuple[Setting, RunRecord], ...]
    places: dict[str, int]
    memory: MemoryUse

    @classmethod
    def of(cls, results: Results) -> Race:
        runs = results.runs
        aside = _aside(runs)
        compared = [run for run in runs if run.case_id not in aside]
        settings = _settings(compared)
        entrants = _entrants([run for run in compared if run.kind == "train"])
        cells: dict[tuple[SettingKey, EntrantKey], list[RunRecord]] = {}
        for run in compared:
            if run.kind == "train":
                cells.setdefault((_setting_key(run), _entrant_key(run)), []).append(run)
        order = sorted(cells, key=lambda cell: (settings[cell[0]].index, entrants[cell[1]].index))
        groups = tuple(
            Group(
                index,
                settings[setting],
                entrants[entrant],
                tuple(cells[setting, entrant]),
                _unranked(cells[setting, entrant], results.checks),
            )
            for index, (setting, entrant) in enumerate(order)
        )
        ceilings = tuple(
            (settings[_setting_key(run)], run) for run in compared if run.kind != "train" and run.status == "ok"
        )
        places = {run.case_id: place for place, run in enumerate(runs)}
        return cls(
            results,
            tuple(settings.values()),
            tuple(entrants.values()),
            groups,
            ceilings,
            places,
            MemoryUse.measured(results),
        )

    def within(self, setting: Setting) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.setting is setting)

    def ranked(self, setting: Setting) -> list[Group]:
        """Comparable groups of a setting, the fastest first."""
        groups = [
            group for group in self.within(setting) if group.unranked is None and (group.middle(throughput) or 0) > 0
        ]
        return sorted(groups, key=lambda group: -(group.middle(throughput) or 0))

    def parity(self, group: Group) -> str | None:
        """``fail`` if any repeat failed, ``pass``, ``reference``, or None when it was not checked."""
        verdicts = {run.parity for run in group.ok}
        if "fail" in verdicts or (group.unranked and group.unranked.kind is UnrankedKind.PARITY):
            return "fail"
        if "pass" in verdicts:
            return "pass"
        names = (group.runs[0].label, group.entrant.strategy)
        return "reference" if any(check.reference in names for check in self.results.checks) else None

    def ceiling(self, setting: Setting, kind: str = "tower") -> float | None:
        """Median throughput of a ceiling in that setting."""
        values = [throughput(run) for at, run in self.ceilings if at is setting and run.kind == kind]
        known = [value for value in values if value is not None and math.isfinite(value)]
        return median(known) if known else None


def throughput(run: RunRecord) -> float | None:
    """Examples per second; None where the machine did not give the case the cores that it needed."""
    return run.throughput


def final_auc(run: RunRecord) -> float | None:
    return run.auc


def _setting_key(run: RunRecord) -> SettingKey:
    return run.dataset, run.ranks, run.batch_size, run.fingerprints.get("workload", "")


def _entrant_key(run: RunRecord) -> EntrantKey:
    return run.strategy, naming.canonical(run.options)


def _settings(runs: Sequence[RunRecord]) -> dict[SettingKey, Setting]:
    data_labels = naming.dataset_labels({run.dataset for run in runs})
    vocabulary = {dataset: naming.vocabulary(dataset) for dataset in data_labels}
    keys = sorted(
        {_setting_key(run) for run in runs}, key=lambda key: (naming.family(key[0]), vocabulary[key[0]] or 0, *key)
    )
    plain = {key: (data_labels[key[0]], key[1], key[2]) for key in keys}
    batches = len({key[2] for key in keys}) > 1
    settings = {}
    for index, key in enumerate(keys):
        dataset, ranks, batch_size, workload = key
        data = data_labels[dataset]
        more = [f"batch {batch_size:,}"] if batches else []
        if list(plain.values()).count(plain[key]) > 1:
            more.append(workload[:6] or "no fingerprint")
        label = " · ".join([data, f"{ranks} {'rank' if ranks == 1 else 'ranks'}", *more])
        without = " · ".join([data, *more])
        settings[key] = Setting(index, dataset, data, ranks, batch_size, workload, vocabulary[dataset], label, without)
    return settings


def _aside(runs: Sequence[RunRecord]) -> set[str]:
    """Cases that ran only so that others could be checked against them: the only strategy on a shorter version of a
    problem that several others solved in full. They are listed, not compared.
    """
    strategies: dict[SettingKey, set[EntrantKey]] = {}
    problems: dict[SettingKey, str] = {}
    for run in runs:
        if run.kind == "train":
            strategies.setdefault(_setting_key(run), set()).add(_entrant_key(run))
            if "problem" in run.fingerprints:
                problems[_setting_key(run)] = run.fingerprints["problem"]
    crowded = {(*key[:3], problems.get(key)) for key, entrants in strategies.items() if len(entrants) > 1}
    lone = {
        key
        for key, entrants in strategies.items()
        if len(entrants) == 1 and key in problems and (*key[:3], problems[key]) in crowded
    }
    return {run.case_id for run in runs if run.kind == "train" and _setting_key(run) in lone}


def _entrants(runs: Sequence[RunRecord]) -> dict[EntrantKey, Entrant]:
    first_seen = {strategy: place for place, strategy in enumerate(dict.fromkeys(run.strategy for run in runs))}
    seen = list(dict.fromkeys(_entrant_key(run) for run in runs))
    keys = sorted(seen, key=lambda key: (first_seen[key[0]], seen.index(key)))
    options = {_entrant_key(run): run.options for run in runs}
    labels = {
        key: naming.varying(key[0], options[key], [options[other] for other in keys if other[0] == key[0]])
        for key in keys
    }
    place = places(first_seen)
    variant = {strategy: variants([key[1] for key in keys if key[0] == strategy]) for strategy in first_seen}
    return {
        key: Entrant(index, *key, labels[key], place[key[0]], variant[key[0]][key[1]]) for index, key in enumerate(keys)
    }


def _unranked(runs: Sequence[RunRecord], checks: Sequence[ParityRecord]) -> Unranked | None:
    finished = [run for run in runs if run.status == "ok"]
    if not finished:
        last = runs[-1]
        reason = f"{last.status}: {first_line(last.error) or 'no reason recorded'}"
        return Unranked(UnrankedKind.UNFINISHED, reason)
    worst = max((run for run in finished if run.parity == "fail"), key=lambda run: run.parity_max or 0, default=None)
    if worst is not None:
        return _parity_reason(worst.parity_max)
    for check in checks:
        if check.verdict == "fail" and any(_checked_by(run, check) for run in finished):
            return _parity_reason(check.max_relative)
    if all(run.starved for run in finished):
        return Unranked(UnrankedKind.STARVED, finished[-1].starved)
    return None


def _checked_by(run: RunRecord, check: ParityRecord) -> bool:
    same = (check.strategy, naming.canonical(check.options), check.dataset, check.ranks)
    return run.case_id == check.case_id or same == (run.strategy, naming.canonical(run.options), run.dataset, run.ranks)


def _parity_reason(difference: float | None) -> Unranked:
    size = "" if difference is None else f": losses differ by up to {difference:.1e} relative"
    return Unranked(UnrankedKind.PARITY, f"parity failed{size}")


def first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0] if lines else ""
