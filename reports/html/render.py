"""Results -> one HTML file that needs no network, ever.

The page's content security policy allows its own three scripts by hash, inline style, and nothing from anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wideload import __version__, files
from wideload.harness.analysis.statistics import FEWEST_PAIRS
from wideload.harness.records.results import Results
from wideload.reports import text
from wideload.reports.findings.before import Comparison, compare, loose_ends, row
from wideload.reports.findings.evidence import INTERVAL
from wideload.reports.findings.race import Race
from wideload.reports.findings.summary import Summary
from wideload.reports.html import assets, board, choices, figures, page
from wideload.reports.html.microbenchmarks import Benchmarks
from wideload.reports.html.payload import packed, payload
from wideload.reports.reading import read

TEMPLATES = Path(__file__).parent / "templates"


def render(run: Path, output: Path, *, before: Path | None = None, benchmarks: Path | None = None) -> None:
    """Writes the report on the run folder ``run`` to ``output``, whole or not at all.

    Args:
        before: another run folder to compare with.
        benchmarks: JSON of ``pytest --benchmark-json``, shown as a section.

    Raises:
        UsageError: ``run`` or ``before`` is not a run folder, or holds no case.
        DataError: ``benchmarks`` is not pytest-benchmark's JSON.
    """
    page_text = html(
        read(run),
        before=read(before) if before else None,
        benchmarks=Benchmarks.read(benchmarks) if benchmarks else None,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write(output, page_text)


def html(results: Results, *, before: Results | None = None, benchmarks: Benchmarks | None = None) -> str:
    """The page as text."""
    summary = Summary.of(results)
    sections = figures.build(summary.race)
    drawn = [figure for _, made, _ in sections for figure in made]
    first = focus(summary)
    scripts = {
        "payload": packed(payload(summary.race, drawn, first)),
        "plotly": assets.plotly(),
        "script": assets.script(),
    }
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            version=__version__,
            policy=policy(scripts["plotly"], scripts["script"]),
            style=assets.style(),
            figure_count=len(drawn),
            sections=[{"name": title, "figures": made} for title, made, _ in sections],
            omitted=[each for _, _, missing in sections for each in missing],
            before=_before(before, summary.race),
            benchmarks={"summary": benchmarks.summary, "rows": benchmarks.rows()} if benchmarks else None,
            **scripts,
            **_content(summary),
        )
    )


def focus(summary: Summary) -> int:
    """The setting shown in detail first: most ranked entrants, then the largest vocabulary, then most ranks."""
    if not summary.decisions:
        return 0
    return max(summary.decisions, key=board.weight).setting.index


def policy(*scripts: str) -> str:
    """A content security policy under which nothing is loaded and only these scripts run."""
    allowed = " ".join(assets.policy_hash(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _content(summary: Summary) -> dict[str, Any]:
    race, results = summary.race, summary.race.results
    rows = [page.decision_row(decision) for decision in summary.decisions]
    return {
        "name": results.path.resolve().name,
        "kicker": page.kicker(results),
        "answer": summary.answer,
        "boards": board.boards(race, summary.decisions),
        "without_board": board.left_out(race, summary.decisions),
        "rows": rows,
        "interval": INTERVAL,
        "fewest": FEWEST_PAIRS,
        "memory_name": race.memory.name,
        "has_ceiling": any(decision.share is not None for decision in summary.decisions),
        "filters": [(each, _shown(each)) for each in choices.filters(race)],
        "setting_labels": [text.label(setting.label) for setting in race.settings],
        "parity": page.parity_rows(race),
        "environment": list(text.flat(results.environment)),
        "experiments": page.experiments(results.path),
        "warnings": results.warnings,
    }


def _shown(offered: choices.Filter) -> list[tuple[int, str]]:
    return [(place, text.label(words, 48)) for place, words in enumerate(offered.choices)]


def _before(before: Results | None, after: Race) -> dict[str, Any] | None:
    if before is None:
        return None
    comparison: Comparison = compare(Race.of(before), after)
    return {
        "name": before.path.resolve().name,
        "summary": comparison.summary,
        "rows": [row(change) for change in comparison.changes],
        "unmatched": loose_ends(comparison),
    }


def environment() -> Environment:
    """Reads the templates; what it is given is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["shown"] = text.label
    return made
