"""The documentation agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wideload.harness.experiment.experiment import Experiment, load
from wideload.harness.records.results import CurvePoint, ParityRecord, RankRecord, RunRecord
from wideload.harness.tools.cli_reference import reference

ROOT = Path(__file__).parents[3]


def test_the_command_line_reference_agrees_with_the_commands() -> None:
    written = (ROOT / "docs" / "cli.md").read_text()
    assert written == reference(), "run `python -m wideload.harness.tools.cli_reference > docs/cli.md`"


@pytest.mark.parametrize("model", [RunRecord, RankRecord, CurvePoint, ParityRecord])
def test_every_field_of_a_record_is_documented_and_no_other(model: type) -> None:
    text = (ROOT / "docs" / "records.md").read_text()
    section = text.partition(f"## {model.__name__}\n")[2].partition("\n## ")[0]
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", first_cells)) == set(model.model_fields)


def test_every_key_of_an_experiment_is_documented() -> None:
    text = (ROOT / "experiments" / "README.md").read_text()
    missing = [key for key in Experiment.model_fields if f"`{key}`" not in text and f"`[{key}]`" not in text]
    assert not missing


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_of_the_project_is_valid(path: Path) -> None:
    assert load(path).variants()
