"""docs/reference/data.md matches the code."""

from __future__ import annotations

import re
from pathlib import Path

from wideload.datasets import BUILT_IN
from wideload.datasets.planted.options import PlantedOptions
from wideload.datasets.readers import READERS
from wideload.datasets.readers.layout import InputField, load_layout

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "data.md").read_text()


def test_every_data_set_and_format_is_described() -> None:
    for name in (*BUILT_IN, *READERS):
        assert re.search(rf"^\| `{name}[\[`]", TEXT, re.MULTILINE), name


def test_every_option_of_planted_is_described_with_its_default() -> None:
    section = TEXT.partition("## Planted data")[2]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", section, re.MULTILINE)
    described = {}
    for names, defaults in rows:
        described |= dict(zip(re.findall(r"`(\w+)`", names), defaults.replace("`", "").split(", "), strict=True))
    given = {name: field.default for name, field in PlantedOptions.model_fields.items()}
    assert set(described) == set(given)
    for name, default in given.items():
        expected = "equal" if default is None else f"{default:g}" if isinstance(default, float) else str(default)
        assert described[name] in {expected, str(default)}, name


def test_every_kind_of_field_is_described() -> None:
    kinds = InputField.model_fields["kind"].annotation.__args__
    for kind in kinds:
        assert f"| `{kind}` |" in TEXT


def test_the_layout_in_the_docs_is_a_layout(tmp_path: Path) -> None:
    block = re.search(r"### A layout\n\n<!-- .*? -->\n```toml\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    (tmp_path / "layout.toml").write_text(block.group(1))
    assert [field.name for field in load_layout(tmp_path / "layout.toml").field] == ["age", "genres"]
