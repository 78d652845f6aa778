"""The command-line options that define an experiment, declared once for all commands that run cases."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wideload.errors import UsageError
from wideload.harness.experiment import renamed
from wideload.harness.experiment.experiment import Experiment, from_document, load, merge
from wideload.harness.job.mpi import Hosts, Mpi

F = TypeVar("F", bound=Callable[..., Any])

_DIRECT = {
    "dataset": "workload.dataset",
    "batch_size": "workload.batch_size",
    "steps": "workload.steps",
    "epochs": "workload.epochs",
    "seed": "workload.seed",
    "ranks": "ranks",
    "threads": "threads",
    "time_limit": "time_limit",
}
"""Options that set a key of the experiment."""


def experiment_options(command: F) -> F:
    """Adds the options to a command, which receives them as the keyword arguments of :func:`requested`."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


_HOSTS = [
    click.option(
        "--hostfile",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Hosts to run on, in the format that mpirun reads.",
    ),
    click.option("--remote-agent", help="Program that mpirun uses instead of ssh to reach other hosts."),
]

_OPTIONS = [
    click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[EXPERIMENT.toml]"),
    click.option("-d", "--dataset", help="Data set, as name or name[option=value,...]."),
    click.option(
        "-s",
        "--strategy",
        "strategies",
        multiple=True,
        help="Strategy, as name[option=value,...]; a value [a,b] is a grid.",
    ),
    click.option(
        "-n", "--ranks", type=int, multiple=True, help="Ranks of a job; may be repeated, each number is a case."
    ),
    click.option("--threads", type=int, help="Compute threads of each rank.  [default: 1]", show_default=False),
    click.option("--batch-size", type=int, help="Examples in a global batch."),
    click.option("--steps", type=int, help="Global batches to train on."),
    click.option("--epochs", type=int, help="Passes over the training split."),
    click.option("--seed", type=int, help="Seed of weights and order."),
    click.option("--time-limit", help="Limit of one case: 90s, 10m."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set any key of the experiment (dotted) to a TOML value.",
    ),
    *_HOSTS,
]


def host_options(command: F) -> F:
    """Adds the options of :func:`hosts`."""
    for decorate in reversed(_HOSTS):
        command = decorate(command)
    return command


def requested(request: dict[str, Any]) -> Experiment:
    """The experiment that the options and the file define. Options override the file, which overrides defaults.

    Raises:
        UsageError: neither a file nor a data set was given, or a value is invalid.
    """
    overrides: dict[str, Any] = {
        key: _listed(request[name]) for name, key in _DIRECT.items() if request.get(name) not in (None, ())
    }
    if request["strategies"]:
        overrides["strategies"] = list(request["strategies"])
    for setting in request["settings"]:
        overrides |= _setting(setting)
    if request["file"] is not None:
        return load(request["file"], overrides)
    if not request["dataset"]:
        raise UsageError("name an experiment file or a data set: `wideload run -d census -s local -s sparse_ps`.")
    overrides.setdefault("strategies", ["local"])
    return from_document(merge({}, renamed.overrides(overrides)), "command line")


def hosts(request: dict[str, Any]) -> Hosts:
    """Where the ranks run.

    Raises:
        UsageError: the host file is wrong; the message names the line.
    """
    return Hosts.read(request["hostfile"], request["remote_agent"])


def print_withheld(mpi: Mpi) -> None:
    """Says which schedulers are hidden from the launcher, and why."""
    for scheduler in mpi.withheld:
        click.echo(str(scheduler), err=True)


def _setting(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text!r}: expected KEY=VALUE, as in --set workload.model.hidden_units=[64,32].")
    try:
        return {key.strip(): tomllib.loads(f"value = {value}")["value"]}
    except tomllib.TOMLDecodeError:
        # A bare word is a string.
        return {key.strip(): value.strip()}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
