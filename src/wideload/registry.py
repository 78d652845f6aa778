"""Things that are found by name: those of wideload in a table, those of other distributions by an entry point group.

A name stands for ``module:attribute``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from wideload.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """Classes that keep one contract, by name.

    Attributes:
        kind: what they are, in messages.
        contract: the class that all of them are subclasses of, as ``module:attribute``.
        built_in: ``module:attribute`` by name; a plug-in cannot replace one of these.
        group: entry point group of the plug-ins; empty: there are none.
    """

    kind: str
    contract: str
    built_in: Mapping[str, str]
    group: str = ""

    def names(self) -> list[str]:
        """Every name, the built-in ones first."""
        return [*self.built_in, *sorted(name for name in plugins(self.group) if name not in self.built_in)]

    def find(self, name: str) -> type[T]:
        """The class of that name.

        Raises:
            UnknownNameError: there is none; names the nearest.
            UsageError: a plug-in's entry point does not lead to a class that implements the contract.
        """
        if name in self.built_in:
            found = load(self.built_in[name])
        elif name in (others := plugins(self.group)):
            found = others[name].load()
        else:
            raise UnknownNameError(self.kind, name, self.names())
        if not (isinstance(found, type) and issubclass(found, load(self.contract))):
            expected = self.contract.replace(":", ".")
            raise UsageError(f"{self.kind} {name!r} leads to {found!r}, which is not a {expected}.")
        return cast("type[T]", found)


def load(place: str) -> Any:
    """What ``module:attribute`` names."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def plugins(group: str) -> dict[str, EntryPoint]:
    """The entry points that installed distributions have in a group, by name."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)} if group else {}


def loaded_on_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a package whose public names lie in these modules and are imported on first use."""

    def get(name: str) -> Any:
        if name in modules:
            return load(f"{modules[name]}:{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
