"""Classes are found by name, and loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from wideload.errors import UnknownNameError, UsageError
from wideload.registry import Registry, loaded_on_use

NUMBERS: Registry[object] = Registry(
    "number", "numbers:Number", {"fraction": "fractions:Fraction", "path": "pathlib:Path"}
)


def test_a_class_is_found_by_its_name() -> None:
    from fractions import Fraction

    assert NUMBERS.find("fraction") is Fraction
    assert NUMBERS.names() == ["fraction", "path"]


def test_an_unknown_name_is_told_with_its_neighbour() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown number 'fracton'\. Did you mean 'fraction'"):
        NUMBERS.find("fracton")


def test_a_class_that_does_not_keep_the_contract_is_refused() -> None:
    with pytest.raises(UsageError, match=r"number 'path' leads to .*Path.* which is not a numbers.Number"):
        NUMBERS.find("path")


def test_names_of_a_package_are_loaded_on_use() -> None:
    get = loaded_on_use("package", {"Fraction": "fractions"})
    assert get("Fraction")(1, 2) == 0.5
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'Other'"):
        get("Other")


@pytest.mark.parametrize("package", ["strategies", "datasets", "datasets.readers"])
def test_listing_names_imports_nothing(package: str) -> None:
    code = (
        f"import sys, wideload.{package} as found; assert not {{'tensorflow', 'mpi4py', 'pyarrow'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_built_in_name_leads_somewhere() -> None:
    from wideload import datasets, strategies
    from wideload.datasets import readers

    tables: list[tuple[Mapping[str, str], object]] = [
        (strategies.BUILT_IN, strategies.find),
        (datasets.BUILT_IN, datasets.find),
        (readers.READERS, readers.find),
    ]
    for names, find in tables:
        assert all(find(name) for name in names)  # type: ignore[operator]
