"""``wideload list``."""

from __future__ import annotations

import functools
import json
from typing import Any

import click

from wideload import datasets, strategies
from wideload.errors import UnavailableError, WideloadError
from wideload.harness.job import mpi
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


def states() -> dict[str, str]:
    """Whether each strategy can run here, in words."""
    return {name: _state(_strategy(name)) for name in strategies.names()}


def _strategy(name: str) -> dict[str, Any]:
    try:
        found = strategies.find(name)
        availability = found.availability()
    except (WideloadError, ImportError) as error:
        return {"name": name, "summary": "", "usable": False, "reason": str(error), "options": {}}
    reason = availability.reason if not availability.usable else _no_launcher()
    described = {"name": name, "summary": found.summary, "usable": not reason, "reason": reason}
    return described | {"options": options(found.Options)}


@functools.cache
def _no_launcher() -> str:
    """Why no job can be started here, whatever the strategy; empty if one can."""
    try:
        mpi.find()
    except UnavailableError as error:
        return str(error)
    return ""


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
