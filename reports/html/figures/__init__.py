"""The figures of a report, in the order of the questions they answer."""

from __future__ import annotations

from collections.abc import Callable

from wideload.reports.findings.race import Race
from wideload.reports.html.figures import memory, pareto, quality, scaling, steps, throughput, traffic
from wideload.reports.html.figures.figure import Figure, Omitted

Builder = Callable[[Race], Figure | Omitted]

SECTIONS: tuple[tuple[str, tuple[Builder, ...]], ...] = (
    ("Speed", (throughput.absolute, throughput.relative)),
    ("Memory", (memory.by_owner, pareto.against_memory)),
    ("Quality", (quality.over_time, quality.over_examples, quality.time_to_target, pareto.against_auc)),
    ("Inside a step", (steps.phases, steps.distribution)),
    ("With size", (scaling.over_ranks, scaling.over_vocabulary)),
    ("Traffic", (traffic.wire_bytes, traffic.staleness)),
)


def build(race: Race) -> list[tuple[str, list[Figure], list[Omitted]]]:
    """Every section with the figures that have data and those that do not."""
    sections = []
    for name, builders in SECTIONS:
        made = [builder(race) for builder in builders]
        figures = [each for each in made if isinstance(each, Figure)]
        sections.append((name, figures, [each for each in made if isinstance(each, Omitted)]))
    return sections
