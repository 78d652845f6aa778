"""The command line: ``wideload start | list | run | race | check | report | show | compare | bundle | verify | ...``.

A command is imported when it is called, so ``wideload --help`` is quick and imports neither TensorFlow nor MPI.
Results go to stdout, progress to stderr.
Exit codes: 0 fine, 1 a run failed or a regression was found, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from wideload.errors import UnknownNameError, UsageError, WideloadError
from wideload.registry import load

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}

COMMANDS = {
    "start": ("wideload.harness.cli.start:command", "From a file or folder to a report: look, prepare, compare."),
    "list": ("wideload.harness.cli.listing:command", "List strategies and data sets, and whether they can run here."),
    "run": ("wideload.harness.cli.run:command", "Run an experiment and record every case of it."),
    "race": ("wideload.harness.cli.race:command", "Measure the time to a target AUC, and how strategies converge."),
    "check": ("wideload.harness.cli.check:command", "Check that strategies compute what the reference computes."),
    "report": ("wideload.reports.cli:report", "Write an HTML report of a run."),
    "show": ("wideload.reports.show:show", "Show the results of a run in the terminal."),
    "compare": ("wideload.harness.cli.compare:command", "Compare two runs or two strategies, pair by pair."),
    "bundle": ("wideload.harness.cli.bundle:command", "Pack a run into one archive that others can verify."),
    "verify": ("wideload.harness.cli.verify:command", "Run a bundle again and say which of its claims hold here."),
    "history": ("wideload.harness.cli.history:command", "Keep results across commits, and find what changed."),
    "export": ("wideload.harness.cli.export:command", "Write results in a format that other tools read."),
    "env": ("wideload.harness.cli.env:command", "Show the machine, the versions and the settings."),
    "checkpoint": (
        "wideload.harness.cli.checkpoint:command",
        "Inspect and verify checkpoints, and export or import their rows.",
    ),
    "predict": ("wideload.harness.cli.predict:command", "Score raw rows with a checkpoint or a SavedModel."),
    "data": ("wideload.datasets.cli:data", "Prepare, inspect and verify data sets."),
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = load(COMMANDS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UnknownNameError("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    epilog="Example: `wideload run -d census -s local -s sparse_ps -o runs/a`, then `wideload report runs/a`.",
)
@click.version_option(package_name="wideload", message="%(version)s")
def cli() -> None:
    """Measure how to distribute a Wide & Deep model: parameter server or allreduce."""


def main() -> None:
    """Runs the command line; an error of wideload becomes one line on stderr."""
    try:
        code = cli.main(prog_name="wideload", standalone_mode=False)
    except UsageError as error:
        leave(f"wideload: {error}", 2)
    except WideloadError as error:
        leave(f"wideload: {error}", 1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        leave("wideload: interrupted; what was recorded is kept: run the same line again for the rest", 130)
    except BrokenPipeError:
        # Whatever reads our output has closed the pipe (`wideload show RUN | head`).
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def leave(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)
