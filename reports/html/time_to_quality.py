"""The page of a race to a target AUC: standings, and where every seed came in, drawn as plain SVG. It has no script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wideload import __version__
from wideload.harness.analysis.time_to_auc import Reached
from wideload.harness.analysis.trimmed import TrimmedMean
from wideload.reports import quantity
from wideload.reports.findings.time_to_quality import (
    MARKED,
    Convergence,
    Finish,
    Heat,
    Standing,
    TimeToQuality,
    gate_words,
)
from wideload.reports.html import assets, page, palette
from wideload.reports.html.render import environment, policy

LEFT, RIGHT, ROW = 230.0, 965.0, 34.0
"""Of the drawing, whose width is 1000: where the axis begins and ends; height of a row."""
TICKS = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """One drawing: its title, what a run contributes, and how its values are written."""

    title: str
    note: str
    of: Callable[[Reached], float | None]
    mean: Callable[[Standing], TrimmedMean | None]
    words: Callable[[float | None], str]
    timed: bool


def _count(value: float | None) -> str:
    return quantity.scaled(value, "")


MEASURES = (
    Measure(
        "Examples to the target",
        "What the gate looks at. The band is the interval of the reference.",
        lambda found: found.examples,
        lambda standing: standing.examples,
        _count,
        timed=False,
    ),
    Measure(
        "Training time to the target",
        "Evaluation is not on the clock.",
        lambda found: found.seconds,
        lambda standing: standing.seconds,
        quantity.seconds,
        timed=True,
    ),
    Measure(
        "Time to the target, evaluation on the clock",
        "Up to the end of the first evaluation that found the target reached.",
        lambda found: found.clock_seconds,
        lambda standing: standing.clock_seconds,
        quantity.seconds,
        timed=True,
    ),
)


def html(race: TimeToQuality) -> str:
    """The page as text."""
    return (
        environment()
        .get_template("race.html.j2")
        .render(
            version=__version__,
            policy=policy(),
            style=assets.style(),
            name=race.results.path.resolve().name,
            kicker=page.kicker(race.results),
            target=f"{race.target:g}",
            headline=race.headline,
            details=race.details,
            heats=[_heat(heat) for heat in race.heats],
        )
    )


def mean_words(mean: TrimmedMean | None, words: Callable[[float | None], str]) -> str:
    """``12.1 s (11.8\u201312.4)``."""
    if mean is None:
        return quantity.MISSING
    low, high = mean.interval()
    return f"{words(mean.mean)} ({quantity.digits(low)}\u2013{quantity.digits(high)})"


def _heat(heat: Heat) -> dict[str, Any]:
    return {
        "label": heat.label,
        "rows": [_row(standing) for standing in heat.standings],
        "drawings": [drawing for measure in MEASURES if (drawing := _drawing(heat, measure))],
    }


def _row(standing: Standing) -> dict[str, Any]:
    marked = standing.gate.convergence in MARKED
    sure = standing.gate.convergence in (Convergence.SAME, Convergence.REFERENCE)
    return {
        "name": standing.label,
        "ink": palette.entrant_ink(standing.entrant),
        "reached": f"{standing.reached} of {len(standing.finishes)}",
        "examples": _count(standing.examples.mean) if standing.examples else quantity.MISSING,
        "seconds": mean_words(standing.seconds, quantity.seconds),
        "clock": mean_words(standing.clock_seconds, quantity.seconds),
        "gate": gate_words(standing.gate),
        "kind": "failed" if marked else "sure" if sure else "unsure",
    }


def _drawing(heat: Heat, measure: Measure) -> dict[str, Any] | None:
    """Positions of everything in one drawing; None where nobody has the measure."""
    values = {standing: _values(standing.finishes, measure) for standing in heat.standings}
    ends = [mean.interval()[1] for standing in heat.standings if (mean := measure.mean(standing))]
    highest = max([*ends, *(value for each in values.values() for value in each)], default=0.0)
    if highest <= 0:
        return None
    scale = (RIGHT - LEFT) / (1.05 * highest)
    rows = [
        {
            "name": standing.label,
            "ink": palette.entrant_ink(standing.entrant),
            "y": ROW * (place + 0.5),
            "dots": [(_place(value, scale), measure.words(value)) for value in values[standing]],
            "mean": _bar(measure.mean(standing), scale),
            "missed": len(standing.finishes) - len(values[standing]),
        }
        for place, standing in enumerate(heat.standings)
    ]
    return {
        "title": measure.title,
        "note": measure.note,
        "height": ROW * len(rows),
        "rows": rows,
        "band": None if measure.timed else _bar(_reference(heat, measure), scale),
        "ticks": [(_place(tick, scale), measure.words(tick)) for tick in _ticks(highest)],
    }


def _values(finishes: tuple[Finish, ...], measure: Measure) -> list[float]:
    counted = [finish.reached for finish in finishes if finish.reached and not (measure.timed and finish.starved)]
    return [value for found in counted if (value := measure.of(found)) is not None]


def _reference(heat: Heat, measure: Measure) -> TrimmedMean | None:
    reference = (each for each in heat.standings if each.gate.convergence is Convergence.REFERENCE)
    return next(map(measure.mean, reference), None)


def _bar(mean: TrimmedMean | None, scale: float) -> dict[str, float] | None:
    if mean is None:
        return None
    low, high = mean.interval()
    places = (mean.mean, max(low, 0.0), high)
    return dict(zip(("middle", "low", "high"), (_place(value, scale) for value in places), strict=True))


def _place(value: float, scale: float) -> float:
    return round(LEFT + value * scale, 1)


def _ticks(highest: float) -> list[float]:
    """A few round numbers from 0 on."""
    rough = highest / TICKS
    unit = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.1
    step = next(unit * lead for lead in (1, 2, 5, 10) if unit * lead >= rough or lead == 10)
    return [step * number for number in range(int(1.05 * highest / step) + 1)]
