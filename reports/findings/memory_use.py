"""How much memory a whole job held: one measure for all cases of a run, so that ratios compare like with like.

Proportional set size counts a page that several ranks share once over all of them; it is used when every finished case
has it. Otherwise the resident set sizes of the ranks are added up, and shared libraries count once per rank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wideload.harness.records.results import RankRecord, Results, RunRecord


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """``name`` says what is measured; ``of`` gives the bytes of one case, None when it was not measured."""

    name: str
    of: Callable[[RunRecord], float | None]

    @classmethod
    def measured(cls, results: Results) -> MemoryUse:
        finished = [run for run in results.runs if run.status == "ok" and run.kind == "train"]
        if finished and all(run.peak_pss_bytes is not None for run in finished):
            return cls("peak PSS, all ranks", lambda run: run.peak_pss_bytes)
        by_case: dict[str, list[RankRecord]] = {}
        for rank in results.ranks:
            by_case.setdefault(rank.case_id, []).append(rank)
        return cls("peak RSS, all ranks", lambda run: _resident(run, by_case.get(run.case_id, [])))


def _resident(run: RunRecord, ranks: list[RankRecord]) -> float | None:
    """The sum over the ranks; None unless every rank was measured."""
    known = [rank.peak_rss_bytes for rank in ranks if rank.peak_rss_bytes is not None]
    if len(known) == run.processes:
        return float(sum(known))
    return float(run.peak_rss_bytes) if run.processes == 1 and run.peak_rss_bytes is not None else None
