"""``wideload list``."""

from __future__ import annotations

import json
from typing import Any

import click

from wideload import datasets, strategies
from wideload.errors import WideloadError
from wideload.terminal import show, table, words


@click.command("list", epilog="Example: `wideload list --json`")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(as_json: bool) -> None:
    """List strategies and data sets, and whether they can run here."""
    content = {
        "strategies": [_strategy(name) for name in strategies.names()],
        "datasets": [_dataset(name) for name in datasets.names()],
    }
    if as_json:
        click.echo(json.dumps(content, indent=2))
        return
    for kind, entries in content.items():
        rows = [(entry["name"], _state(entry), entry["summary"], _options(entry)) for entry in entries]
        show(table((kind, "usable", "what it is", "options"), rows), words(""))


def usable() -> tuple[str, ...]:
    """The strategies that can run here."""
    return tuple(name for name in strategies.names() if _strategy(name)["usable"])


def _strategy(name: str) -> dict[str, Any]:
    try:
        found = strategies.find(name)
        availability = found.availability()
    except (WideloadError, ImportError) as error:
        return {"name": name, "summary": "", "usable": False, "reason": str(error), "options": {}}
    described = {"name": name, "summary": found.summary, "usable": availability.usable, "reason": availability.reason}
    return described | {"options": options(found.Options)}


def _dataset(name: str) -> dict[str, Any]:
    try:
        found = datasets.find(name)
    except (WideloadError, ImportError) as error:
        return {"name": name, "summary": "", "usable": False, "reason": str(error), "options": {}}
    return {"name": name, "summary": found.summary, "usable": True, "reason": "", "options": options(found.Options)}


def options(model: Any) -> dict[str, Any]:
    """Every option of a strategy or data set with its default, as JSON."""
    schema = model.model_json_schema()
    return {key: entry.get("default") for key, entry in schema.get("properties", {}).items()}


def _state(entry: dict[str, Any]) -> str:
    return "yes" if entry["usable"] else f"no: {entry['reason']}"


def _options(entry: dict[str, Any]) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in entry["options"].items())
