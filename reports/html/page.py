"""From results to the values that the templates print, already formatted as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wideload.harness.records.results import ParityRecord, Results, experiment_files
from wideload.options import Spec
from wideload.reports import quantity, text
from wideload.reports.findings.decision import Decision, gap_words, name, speed_words
from wideload.reports.findings.race import Race, throughput

TOML_LETTERS = 20_000
PARITY = ("strategy", "dataset", "ranks", "difference", "tolerance", "verdict")


def decision_row(decision: Decision) -> dict[str, Any]:
    """One row of the decision table."""
    winner, leader, lead = decision.winner, decision.leader, decision.closest
    return {
        "setting": decision.setting.index,
        "label": text.label(decision.setting.label),
        "ranked": leader is not None,
        "winner": name(winner) if winner else "",
        "entrant": winner.entrant.index if winner else None,
        "leader": name(leader) if leader else "",
        "throughput": quantity.rate(leader.middle(throughput)) if leader else quantity.MISSING,
        "lead": speed_words(lead) if lead else quantity.MISSING,
        "rival": name(lead.rival) if lead else "",
        "verdict": decision.verdict,
        "certain": decision.clear,
        "memory": quantity.factor(lead.memory) if lead else quantity.MISSING,
        "auc": gap_words(lead.auc) if lead else quantity.MISSING,
        "share": quantity.MISSING if decision.share is None else f"{decision.share:.0%}",
        "unranked": [
            {"name": name(group), "why": text.label(str(group.unranked or "no throughput"), 160)}
            for group in decision.unranked
        ],
    }


def parity_rows(race: Race) -> list[dict[str, str]]:
    """The stored checks, failures first; without stored checks, what the cases themselves recorded."""
    labels = {setting.dataset: setting.data_label for setting in race.settings}
    rows = [_check(check, labels.get(check.dataset, check.dataset)) for check in race.results.checks] or _recorded(race)
    return sorted(rows, key=lambda row: row["verdict"] == "pass")


def kicker(results: Results) -> list[str]:
    """When and where, in a few words."""
    started = min((run.started for run in results.runs if run.started), default="")
    environment = results.environment
    machine = str(environment.get("cpu") or environment.get("host") or "")
    return [
        part for part in (started[:16].replace("T", " "), machine, quantity.count(len(results.runs), "case")) if part
    ]


def experiments(run: Path) -> list[tuple[str, str]]:
    """Name and text of the experiment files of a run folder, as they were asked for."""
    return [
        (file.name, text.visible(file.read_text(encoding="utf-8", errors="replace")[:TOML_LETTERS]))
        for file in experiment_files(run)
    ]


def _check(check: ParityRecord, data: str) -> dict[str, str]:
    return {
        "strategy": text.label(str(Spec.of(check.strategy, check.options))),
        "dataset": text.label(data),
        "ranks": str(check.ranks),
        "steps": f"{check.steps:,}",
        "difference": _tiny(check.max_relative),
        "tolerance": _tiny(check.tolerance),
        "verdict": check.verdict,
        "reason": text.label(check.reason, 200),
    }


def _recorded(race: Race) -> list[dict[str, str]]:
    rows = []
    for group in race.groups:
        checked = [run for run in group.ok if run.parity]
        if checked:
            worst = max(checked, key=lambda run: (run.parity == "fail", run.parity_max or 0))
            rows.append(
                {
                    "strategy": name(group),
                    "dataset": text.label(group.setting.data_label),
                    "ranks": str(group.setting.ranks),
                    "steps": quantity.MISSING,
                    "difference": _tiny(worst.parity_max),
                    "tolerance": quantity.MISSING,
                    "verdict": str(worst.parity),
                    "reason": "",
                }
            )
    return rows


def _tiny(value: float | None) -> str:
    return quantity.MISSING if value is None else f"{value:.1e}"
