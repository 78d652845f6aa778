"""An extension of Griffe for the documentation site: docstrings as Markdown.

Docstrings here use a little reStructuredText, which editors understand: roles such as ``:class:`Name```, and ``::``
before a drawing. mkdocstrings renders Markdown, so roles become code and ``::`` disappears. The docstrings of the
native module are in the compiled module and its signatures in the stub; they are combined.
"""

from __future__ import annotations

import importlib
import re
from functools import reduce
from typing import Any

import griffe

NATIVE = "wideload._native"
_ROLE = re.compile(r":(?:py:)?(?:mod|class|func|meth|attr|data|exc|obj):`~?([^`]+)`")
_LONE_COLONS = re.compile(r"^[ \t]*::[ \t]*$", re.MULTILINE)
_COLONS = re.compile(r"::[ \t]*$", re.MULTILINE)


def markdown(text: str) -> str:
    """A docstring with its roles and literal markers replaced."""
    text = _ROLE.sub(r"``\1``", text)
    return _COLONS.sub(":", _LONE_COLONS.sub("", text))


def native_text(path: str) -> str:
    """What the compiled module says about one of its names, without the signature; empty where it says nothing."""
    try:
        found = reduce(getattr, path.removeprefix(f"{NATIVE}.").split("."), importlib.import_module(NATIVE))
    except AttributeError:  # a type that only the stub has
        return ""
    text = str(getattr(found, "__doc__", None) or "")
    return text.partition("\n\n")[2].strip() if re.match(r"\w+\(.*\) -> ", text) else text.strip()


def is_told_elsewhere(found: griffe.Object) -> bool:
    """Whether an attribute without a docstring is in its class's docstring or signature already."""
    owner = found.parent
    if not isinstance(found, griffe.Attribute) or not isinstance(owner, griffe.Class) or found.docstring is not None:
        return False
    told = owner.docstring is not None and re.search(rf"\b{found.name}\b", owner.docstring.value) is not None
    return (
        told
        or owner.path.startswith(f"{NATIVE}.")
        or ("dataclass" in owner.labels and not found.has_labels("property"))
    )


class Docstrings(griffe.Extension):
    """Completes and rewrites every docstring when it is collected; hides attributes that would appear twice."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ARG002 - the protocol's
        if obj.docstring is None and obj.path.startswith(f"{NATIVE}.") and (text := native_text(obj.path)):
            obj.docstring = griffe.Docstring(text, parent=obj)
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:  # noqa: ARG002 - the protocol's
        for member in cls.members.values():
            if isinstance(member, griffe.Attribute) and is_told_elsewhere(member):
                member.public = False
