"""Measures how bandwidth changes the ranking of strategies.

``python -m wideload.harness.tools.bandwidth EXPERIMENT [--rate RATE]... [-o FOLDER]``

::

    for every rate:  two hosts (see :mod:`wideload.harness.tools.two_hosts`) ─► wideload run EXPERIMENT -o FOLDER/RATE
    at the end:      examples per second by strategy and rate, and its place among the strategies of that rate

As with every run, cases that are recorded already are not measured again. Needs root.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import click

from wideload.errors import UsageError
from wideload.harness.records.results import Results
from wideload.harness.tools.two_hosts import TwoHosts

WIDELOAD = (sys.executable, "-c", "from wideload.harness.cli import main; main()")


def run(experiment: Path, rate: str, folder: Path, settings: Sequence[str] = ()) -> int:
    """Runs an experiment on two hosts whose link has ``rate``; returns the exit code of ``wideload run``."""
    options = [part for setting in settings for part in ("--set", setting)]
    place = ["--hostfile", "{hostfile}", "--remote-agent", "{agent}", "-o", str(folder)]
    with TwoHosts(rate) as hosts:
        return subprocess.run(
            hosts.command([*WIDELOAD, "run", str(experiment), *options, *place]), check=False
        ).returncode


def speeds(results: Results) -> dict[str, float]:
    """Median examples per second of each strategy, over jobs that used two hosts; the fastest first.

    Raises:
        UsageError: there is no such case that finished.
    """
    found: dict[str, list[float]] = {}
    for each in results.runs:
        if each.status == "ok" and each.kind == "train" and len(each.hosts) > 1 and each.examples_per_second:
            found.setdefault(each.label, []).append(each.examples_per_second)
    if not found:
        raise UsageError(f"{results.path} holds no finished case that ran on two hosts.")
    middle = {label: median(rates) for label, rates in found.items()}
    return dict(sorted(middle.items(), key=lambda entry: -entry[1]))


def table(by_rate: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table: a line for each strategy, a column for each rate, the rank of the strategy in parentheses."""
    strategies = dict.fromkeys(label for rates in by_rate.values() for label in rates)
    lines = [f"| strategy | {' | '.join(by_rate)} |", "|---" * (len(by_rate) + 1) + "|"]
    lines += [
        f"| `{label}` | {' | '.join(_cell(rates, label) for rates in by_rate.values())} |" for label in strategies
    ]
    return "\n".join(lines)


def _cell(rates: Mapping[str, float], label: str) -> str:
    """One cell; ``rates`` are ordered by speed."""
    if label not in rates:
        return "not finished"
    return f"{rates[label]:,.0f} examples/s ({list(rates).index(label) + 1}.)"


@click.command()
@click.argument("experiment", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rate", "rates", multiple=True, default=("1gbit", "100mbit"), help="Bandwidth, in the notation of tc.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the experiment.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="runs/links",
    help="Folder for the run folders, one for each rate.",
)
def main(experiment: Path, rates: tuple[str, ...], settings: tuple[str, ...], output: Path) -> None:
    """Run one experiment over links of several bandwidths, on two hosts that live on this machine."""
    codes = [run(experiment, rate, output / rate, settings) for rate in rates]
    click.echo(table({rate: speeds(Results.read(output / rate)) for rate in rates}))
    sys.exit(max(codes))


if __name__ == "__main__":
    main()
