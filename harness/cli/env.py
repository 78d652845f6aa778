"""``wideload env``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click


@click.command("env", epilog="Example: `wideload env --json > environment.json`")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(as_json: bool) -> None:
    """Show the machine, the versions, the settings, and what is missing for which strategy."""
    from wideload import ops_library
    from wideload._native import PROCESSOR_LEVEL
    from wideload.harness.cli.listing import states
    from wideload.harness.sweep.environment import describe

    found = describe()
    found["native"] = {"processor_level": PROCESSOR_LEVEL, "ops": ops_library.state()}
    found["strategies"] = states()
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}: {value}"
