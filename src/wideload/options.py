"""``name[param=value,...]``: how strategies and data sets are named with their options, everywhere.

An option is declared once, as a field of a frozen pydantic model derived from :class:`Options`; command line,
TOML and documentation derive from that declaration. ::

    Spec.parse("sparse_ps[mode=async,prefetch=false]")
        -> Spec(name="sparse_ps", params=(("mode", "async"), ("prefetch", "false")))
    expand("sparse_ps[mode=[sync,async]]")       -> two Specs (a grid)
    spec.options(SparsePsOptions)                -> validated options; unknown ones name the nearest valid one
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from wideload.errors import UnknownNameError, UsageError


class Options(BaseModel):
    """Base of every options model: frozen, hashable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def changed(self, **changes: Any) -> Self:
        """A copy with other values, which are validated; ``model_copy(update=...)`` would take any name and value.

        Raises:
            UnknownNameError: a name that is not a field.
            UsageError: a value of the wrong type or out of range.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return validate(type(self), given | changes, type(self).__name__.lower())


OptionsT = TypeVar("OptionsT", bound=BaseModel)


def validate(model: type[OptionsT], values: dict[str, Any], where: str) -> OptionsT:
    """Parses ``values`` into ``model``; every problem becomes one :class:`UsageError` that names ``where``.

    Raises:
        UnknownNameError: a key that the model (or a model nested in it) does not have.
        UsageError: a value of the wrong type or out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _translate(model, error, where) from None


def _translate(model: type[BaseModel], error: ValidationError, where: str) -> UsageError:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        return UnknownNameError(f"key of {where}", key, _fields_at(model, first["loc"][:-1]))
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        field = str(context["discriminator"]).strip("'")
        valid = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        return UnknownNameError(f"{field} of {where}: {path}", str(context["tag"]), valid)
    given = "" if first["type"] == "missing" else f" (given: {first['input']!r})"
    return UsageError(f"{where}: {path or 'value'}: {first['msg']}{given}.")


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that ``path`` leads to, through sequences and tagged unions."""
    current: list[type[BaseModel]] = [model]
    for part in path:
        current = _inside(current, part) or current
    return list(dict.fromkeys(name for one in current for name in one.model_fields))


def _inside(models: list[type[BaseModel]], part: int | str) -> list[type[BaseModel]]:
    """What an index, a union's tag or a field name leads to."""
    if isinstance(part, int):
        return models
    tagged = [one for one in models if any(field.default == part for field in one.model_fields.values())]
    return tagged or [
        inner for one in models if part in one.model_fields for inner in _models(one.model_fields[part].annotation)
    ]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


@dataclass(frozen=True, slots=True)
class Spec:
    """One name with its parameters, as written by the user; values are still text."""

    name: str
    params: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Reads ``name`` or ``name[key=value,...]``; a grid is an error here (see :func:`expand`)."""
        specs = expand(text)
        if len(specs) != 1:
            raise UsageError(f"{text!r} stands for {len(specs)} variants where one is expected.")
        return specs[0]

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> Spec:
        """The spec of recorded options, in the order of their keys: ``str`` of it is how the user would write them."""
        return cls(name, tuple(sorted(options.items())))

    def options(self, model: type[OptionsT]) -> OptionsT:
        """The parameters as a validated options model."""
        known = list(model.model_fields)
        for key, _ in self.params:
            if key not in known:
                raise UnknownNameError(f"option of {self.name}", key, known)
        return validate(model, dict(self.params), self.name)

    def __str__(self) -> str:
        if not self.params:
            return self.name
        inside = ",".join(f"{key}={_plain(value)}" for key, value in self.params)
        return f"{self.name}[{inside}]"


def expand(text: str) -> list[Spec]:
    """All combinations that a spec with list values stands for, in the order written.

    ``a[x=[1,2],y=3]`` gives ``a[x=1,y=3]`` and ``a[x=2,y=3]``.

    Raises:
        UsageError: brackets that do not match, or a parameter without ``=``.
    """
    text = text.strip()
    name, bracket, rest = text.partition("[")
    name = name.strip()
    if not name or (bracket and not rest.endswith("]")):
        raise UsageError(f"cannot read {text!r}: expected name or name[key=value,...].")
    axes: list[tuple[str, list[str]]] = []
    for part in _split(rest[:-1], text) if bracket else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"cannot read {part!r} in {text!r}: expected key=value.")
        value = value.strip()
        is_list = value.startswith("[") and value.endswith("]")
        axes.append((key.strip(), _split(value[1:-1], text) if is_list else [value]))
    keys = [key for key, _ in axes]
    return [
        Spec(name, tuple(zip(keys, combination, strict=True)))
        for combination in itertools.product(*(values for _, values in axes))
    ]


def _split(text: str, whole: str) -> list[str]:
    """Splits at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    if depth != 0:
        raise UsageError(f"brackets do not match in {whole!r}.")
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
