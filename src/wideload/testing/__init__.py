"""The contract of strategies and data sets as tests, for the test suite of a plug-in.

::

    from wideload.testing import DatasetContract, StrategyContract

    class TestMine(StrategyContract):       pytest collects every test of the contract
        strategy = "mine[option=3]"         name[option=value], found by its entry point

    class TestMyData(DatasetContract):
        dataset = "my_data[rows=1000]"

=========================  ===============================================================================
:class:`TrainerContract`   one rank in the test's process: training, prediction, padding, checkpoints, order
:class:`JobContract`       real jobs of 1, 2 and 3 ranks, and their agreement with the reference
:class:`StrategyContract`  both
:class:`DatasetContract`   order, shares, types, fingerprints
:mod:`.workload`           the workload of the trainer's tests, to write tests of your own with
=========================  ===============================================================================

``wideload check --plugin NAME`` runs the same tests. A test that a plug-in cannot pass for a good reason is overridden
in the subclass, where readers see it. Needs pytest (``pip install 'wideload[testing]'``), which is imported when one of
the classes is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wideload.registry import load

if TYPE_CHECKING:
    from wideload.testing.dataset import DatasetContract as DatasetContract
    from wideload.testing.strategy import JobContract as JobContract
    from wideload.testing.strategy import StrategyContract as StrategyContract
    from wideload.testing.strategy import TrainerContract as TrainerContract

_MODULES = {
    "DatasetContract": "wideload.testing.dataset",
    "JobContract": "wideload.testing.strategy",
    "StrategyContract": "wideload.testing.strategy",
    "TrainerContract": "wideload.testing.strategy",
}

__all__ = ["DatasetContract", "JobContract", "StrategyContract", "TrainerContract"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _rewrite_assertions()
    return load(f"{_MODULES[name]}:{name}")


def _rewrite_assertions() -> None:
    """Lets a failing test of the contract show the values that it compares, as a test of one's own would."""
    import sys

    import pytest

    pytest.register_assert_rewrite(*{module for module in _MODULES.values() if module not in sys.modules})
