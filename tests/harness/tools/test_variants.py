"""The table of what each variant gains, from the records of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wideload.errors import UsageError
from wideload.harness.experiment import experiment
from wideload.harness.records.results import RunRecord
from wideload.harness.tools.variants import fill, main
from wideload.strategies import find

ROOT = Path(__file__).parents[3]


def record(speed: float, round_: int, status: Any = "ok", **options: Any) -> str:
    return RunRecord(
        case_id=f"{options}{round_}", status=status, strategy="horovod", options=options, dataset="planted", ranks=2,
        processes=2, threads=1, repeat=round_, round=round_, batch_size=64, examples_per_second=speed,
        step_ms={"p50": 3.0}, peak_pss_bytes=2**20,
    ).model_dump_json()  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    default = find("horovod").Options().model_dump(mode="json")
    lines = [record(100.0 * round_, round_, **default) for round_ in (1, 2)]
    lines += [record(150.0 * round_, round_, **default | {"exchange": "table"}) for round_ in (1, 2)]
    lines.append(record(1.0, 1, status="failed", exchange="dense"))
    (tmp_path / "runs.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_variants_are_compared_with_the_default_within_rounds(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- variants: begin -->\nold\n<!-- variants: end -->\nafter\n")
    assert main([str(run), str(page)]) == 0
    text = page.read_text()
    assert "| `horovod` | 150 | 1.00 (1.00 to 1.00) | 2 | 3.00 ms | 1 MiB |  |" in text
    assert "| `horovod[exchange=table]` | 225 | 1.50 (1.50 to 1.50) | 2 | 3.00 ms | 1 MiB |  |" in text
    assert "old" not in text
    assert "dense" not in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_a_run_without_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("")
    with pytest.raises(UsageError, match="holds no finished case"):
        main([str(tmp_path), str(ROOT / "docs" / "explanation" / "baselines.md")])


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(UsageError, match="has no <!-- variants: begin -->"):
        fill("no markers", "table")


def test_the_experiment_measures_every_option_of_the_rivals() -> None:
    measured = experiment.load(ROOT / "experiments" / "rivals.toml")
    specs = measured.specs()
    for name in ("horovod", "horovod_alltoall", "multi_worker_mirrored"):
        varied = {key for spec in specs if spec.name == name for key, _ in spec.params}
        assert varied | {"rows"} == set(find(name).Options.model_fields)
        for spec in specs:
            if spec.name == name:
                spec.options(find(name).Options)
    assert f"## {'What each choice gains'}" in (ROOT / "docs" / "explanation" / "baselines.md").read_text()
