"""``python -m wideload.harness.tools.cli_reference > docs/cli.md``.

The command line, described by the commands themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from wideload.harness.cli import CONTEXT, cli

WIDTH = 100
HEAD = """# The command line

Written by `python -m wideload.harness.tools.cli_reference > docs/cli.md` from the commands themselves; a test holds the
two together.

| exit code | means |
|---|---|
| 0 | fine; a strategy that is not installed here is a recorded refusal, not a failure |
| 1 | a case failed, parity failed, a regression was found, or something is missing on this machine |
| 2 | the request is wrong: an unknown name, option or key, or a folder that is no run |
| 130 | interrupted; what was recorded is kept, and the same line goes on from there |

Results go to stdout, progress to stderr. Durations are written `90s`, `10m`, `1h30m`. Strategies and data sets are
written `name[option=value,...]`; where a strategy is asked for, a value `[a,b]` stands for both.

| variable | means |
|---|---|
| `WIDELOAD_MPIRUN` | the `mpirun` to use, instead of the one beside Python or on `PATH` |
| `WIDELOAD_LAUNCHER` | `srun`: start ranks with Slurm's own launcher |
"""


def reference() -> str:
    """The whole document."""
    return HEAD + "".join(f"\n## {name}\n\n```\n{text}\n```\n" for name, text in _helps())


def _helps() -> Iterator[tuple[str, str]]:
    root = click.Context(cli, info_name="wideload", terminal_width=WIDTH, **CONTEXT)
    yield "wideload", cli.get_help(root)
    yield from _below(cli, root)


def _below(group: click.Group, context: click.Context) -> Iterator[tuple[str, str]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH, max_content_width=WIDTH)
        yield f"{context.command_path} {name}", command.get_help(inner)
        if isinstance(command, click.Group):
            yield from _below(command, inner)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
