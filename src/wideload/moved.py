"""Modules that have moved: their old names keep working, with a DeprecationWarning that names the new one.

An old name is the very same module as the new name, so classes are the same whichever way they are imported, and
``python -m`` works with either. Names are removed from the table in the release after next.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

MOVED = {
    "wideload.harness.adapter": "wideload.harness.features.adapter",
    "wideload.harness.batch": "wideload.harness.features.layout",
    "wideload.harness.calibrate": "wideload.harness.tools.calibrate",
    "wideload.harness.changes": "wideload.harness.features.remapping",
    "wideload.harness.cli.reference": "wideload.harness.tools.cli_reference",
    "wideload.harness.columns": "wideload.harness.workload.columns",
    "wideload.harness.encoding": "wideload.harness.features.encoder",
    "wideload.harness.experiment.toml": "wideload.toml",
    "wideload.harness.hashing": "wideload.hashing",
    "wideload.harness.links": "wideload.harness.tools.bandwidth",
    "wideload.harness.results": "wideload.harness.records.results",
    "wideload.harness.schedule": "wideload.harness.workload.learning_rate",
    "wideload.harness.two_hosts": "wideload.harness.tools.two_hosts",
    "wideload.harness.windows": "wideload.harness.tools.windows",
    "wideload.reports.markdown": "wideload.reports.plain.markdown",
    "wideload.reports.render": "wideload.reports.html.render",
    "wideload.strategies.collectives": "wideload.strategies.replicated.collectives",
    "wideload.strategies.replicated.seeding": "wideload.strategies.replicated.from_parameter_server",
    "wideload.strategies.replicated_options": "wideload.strategies.replicated.options",
    "wideload.strategies.sparse_ps.seeding": "wideload.strategies.sparse_ps.from_replicated",
    "wideload.strategies.tf_parameter_server.members": "wideload.strategies.tf_parameter_server.servers",
    "wideload.strategies.tf_parameter_server.pump": "wideload.strategies.tf_parameter_server.scheduler",
    "wideload.strategies.variants": "wideload.harness.tools.variants",
    "wideload.tables": "wideload.terminal",
}
"""New names by old ones. Old names that are packages now have an ``__init__`` that offers what the module did."""


class Alias(InspectLoader):
    """Loads an old name: hands out the module of the new one, unchanged."""

    def __init__(self, old: str) -> None:
        self._old, self._new = old, MOVED[old]

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        # Frames of the import system do not count: the warning is about the line that imports.
        warnings.warn(self._message, DeprecationWarning, stacklevel=2)
        module = importlib.import_module(self._new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the old name's spec into the module, which was executed long ago.
        module.__spec__ = self._spec

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002 - the protocol's
        """For ``python -m``; the warning is shown as one about the program that is started."""
        warnings.warn_explicit(self._message, DeprecationWarning, "<python -m>", 1, module="__main__")
        spec = importlib.util.find_spec(self._new)
        loader: Any = spec.loader if spec is not None else None
        code: CodeType | None = loader.get_code(self._new)
        return code

    def get_source(self, fullname: str) -> str | None:  # noqa: ARG002 - the protocol's
        return None

    @property
    def _message(self) -> str:
        return f"{self._old} has moved to {self._new}"


class Finder(MetaPathFinder):
    """Finds the old names; asked only for what is not there any more."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        new = importlib.util.find_spec(MOVED[fullname])
        assert new is not None
        spec = ModuleSpec(fullname, Alias(fullname), origin=new.origin)
        spec.has_location = True
        return spec


def install() -> None:
    """Makes the old names importable."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
