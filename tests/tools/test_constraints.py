"""The pinned packages install wherever the README says that the project does."""

from __future__ import annotations

import re
from importlib.metadata import distributions

from packaging.specifiers import SpecifierSet

from tools.environment import CONSTRAINTS

OLDEST = "3.11.2"
"""The Python of Debian 12."""


def test_every_pinned_package_accepts_the_oldest_python() -> None:
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in CONSTRAINTS.read_text().splitlines()}
    asks = {
        one.metadata["Name"]: one.metadata["Requires-Python"] or ""
        for one in distributions()
        if re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower() in pinned
    }
    assert "pymdown-extensions" in asks
    assert [name for name, versions in asks.items() if OLDEST not in SpecifierSet(versions)] == []
