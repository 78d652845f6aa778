"""The pages on the parameter server say what the code does."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wideload.strategies import sparse_ps

DOCS = Path(__file__).parents[4] / "docs"
PAGE = (DOCS / "reference" / "parameter_server.md").read_text()
GUIDE = (DOCS / "guides" / "train_with_ps.md").read_text()
TENSORNET = (DOCS / "guides" / "from_tensornet.md").read_text()
SCRIPTS = re.findall(r"```python\n(.*?)```", GUIDE + PAGE, re.DOTALL)


@pytest.mark.parametrize("script", SCRIPTS, ids=["keras", "ops"])
def test_the_scripts_run_unchanged(script: str, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, path], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_option_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", PAGE, re.MULTILINE))
    for name, field in sparse_ps.SparsePsOptions.model_fields.items():
        default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()
        assert rows[name] == default, name


def test_every_op_is_listed_with_its_arguments() -> None:
    from wideload import ops

    functions = inspect.getmembers(ops, lambda found: inspect.isfunction(found) and found.__module__ == ops.__name__)
    public = [name for name, _ in functions if not name.startswith("_")]
    for name in public:
        arguments = ", ".join(inspect.signature(getattr(ops, name)).parameters)
        assert f"`{name}({arguments})`" in PAGE


def test_every_public_name_is_explained() -> None:
    for name in sparse_ps.__all__:
        if name not in ("SparsePs", "CategoryColumn"):
            assert re.search(rf"`{name}\b", GUIDE), name


def test_the_names_that_tensornet_is_mapped_to_exist() -> None:
    left = re.findall(r"^\| `tn\.[^|]*\| `(\w+)\(", TENSORNET, re.MULTILINE)
    assert len(left) >= 5
    for name in left:
        assert name in sparse_ps.__all__
