"""The documentation agrees with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from wideload.harness.experiment.checkpointing import Checkpointing
from wideload.harness.experiment.experiment import Experiment, from_document, load, merge
from wideload.harness.records.results import CurvePoint, ParityRecord, RankRecord, RunRecord
from wideload.harness.tools.cli_reference import reference
from wideload.harness.workload import Workload

ROOT = Path(__file__).parents[3]
KEYS = (ROOT / "docs" / "reference" / "experiment.md").read_text()
MINIMAL: dict[str, Any] = {"strategies": ["local"], "workload": {"dataset": "census"}}
TABLES: dict[str, type[BaseModel]] = {"": Experiment, "workload": Workload, "checkpoint": Checkpointing}
"""The tables of an experiment whose keys the page lists, by name."""


def documented(table: str) -> dict[str, str]:
    """The keys of a table with their defaults in TOML, empty where there is none."""
    section = KEYS.partition(f"## `[{table}]`" if table else "## Top level")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\[?[\w.]+\]?)` \| *(?:`(.*?)`)? *\|", section, re.MULTILINE)
    return {key.strip("[]").rpartition(".")[2]: default for key, default in rows}


def test_the_command_line_reference_agrees_with_the_commands() -> None:
    written = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert written == reference(), "run `python -m wideload.harness.tools.cli_reference > docs/reference/cli.md`"


@pytest.mark.parametrize("model", [RunRecord, RankRecord, CurvePoint, ParityRecord])
def test_every_field_of_a_record_is_documented_and_no_other(model: type) -> None:
    text = (ROOT / "docs" / "reference" / "records.md").read_text()
    section = text.partition(f"## {model.__name__}\n")[2].partition("\n## ")[0]
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", first_cells)) == set(model.model_fields)


def test_every_key_of_an_experiment_is_documented() -> None:
    """And no other, each with its default."""
    for name, table in TABLES.items():
        assert set(documented(name)) == set(table.model_fields), name
        for key, default in documented(name).items():
            if default:
                path = f"{name}.{key}" if name else key
                given = from_document(merge(MINIMAL, {path: tomllib.loads(f"value = {default}")["value"]}), "the page")
                assert given == from_document(MINIMAL, "nothing"), path


def test_a_key_without_a_documented_default_has_none() -> None:
    for name, table in TABLES.items():
        for key, default in documented(name).items():
            field = table.model_fields[key]
            plain = isinstance(field.default, (bool, int, float, str)) and not field.is_required()
            assert bool(default) or not plain, f"{name}.{key}"


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_of_the_project_is_valid(path: Path) -> None:
    assert load(path).variants()
