"""``wideload race``. Reports stand above the harness, so they are loaded by name, as commands are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wideload import files
from wideload.errors import UsageError
from wideload.harness.cli.display import chosen_display
from wideload.harness.cli.request import experiment_options, hosts, print_withheld, requested
from wideload.harness.experiment.experiment import Experiment
from wideload.registry import load
from wideload.terminal import show

EVALUATIONS = 40
"""How often a run is evaluated when the experiment does not say."""


@click.command("race", epilog="Example: `wideload race -d census -s local -s sparse_ps --epochs 3 --target-auc 0.905`")
@experiment_options
@click.option("--target-auc", type=float, help="Held-out AUC to reach.  [default: of the experiment]")
@click.option("--seeds", type=click.IntRange(min=1), default=10, help="Seeds of every strategy, from --seed on.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Run folder.  [default: runs/race-DATE-TIME]",
    show_default=False,
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(target_auc: float | None, seeds: int, output: Path | None, as_json: bool, **request: Any) -> int:
    """Measure the time to a target AUC, and whether every strategy converges as the reference does.

    Each strategy trains once with every seed and is evaluated about 40 times on the way (eval_every of the
    experiment). The answer is the mean without the fastest and the slowest seed, with its interval: training time, time
    with evaluation on the clock, and examples. A strategy that takes significantly fewer or more examples than the
    reference is marked. The page race.html in the run folder plots every seed; `wideload export --format mllog` writes
    MLPerf's log lines.

    Runs that are recorded are not repeated, so the same line resumes, and more --seeds add to it.
    """
    from wideload.harness.sweep.outlook import exit_code
    from wideload.harness.sweep.sweep import Sweep

    experiment = racing(requested(request), target_auc, seeds)
    folder = output or Path("runs") / f"race-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with chosen_display() as display:
        sweep = Sweep.prepare(experiment, folder, display, hosts(request))
        print_withheld(sweep.launcher.mpi)
        runs = sweep.run()
    result = load("wideload.reports.findings.time_to_quality:TimeToQuality").read(folder, experiment.target_auc)
    files.write(folder / "race.html", load("wideload.reports.html.time_to_quality:html")(result))
    if as_json:
        click.echo(json.dumps(result.as_json()))
    else:
        show(*load("wideload.reports.plain.time_to_quality:listed")(result))
    click.echo(f"recorded in {folder}; {folder / 'race.html'} is the page of it", err=True)
    if text := str(sweep.outlook):
        click.echo(text, err=True)
    return exit_code(runs, sweep.checks)


def racing(experiment: Experiment, target_auc: float | None, seeds: int) -> Experiment:
    """The experiment with a target, every seed as a variant, and evaluations on the way.

    Raises:
        UsageError: there is no target, or the experiment varies the seed itself.
    """
    target = target_auc if target_auc is not None else experiment.target_auc
    if target is None:
        raise UsageError("a race needs a target: --target-auc 0.9, or target_auc = 0.9 in the experiment.")
    workload = experiment.matrix.get("workload", {})
    if "seed" in workload:
        raise UsageError("the experiment's matrix varies workload.seed, and so does a race: take it out of the matrix.")
    first = experiment.workload.seed
    matrix = {**experiment.matrix, "workload": {**workload, "seed": list(range(first, first + seeds))}}
    return experiment.changed(
        target_auc=target, matrix=matrix, evaluate=True, eval_every=experiment.eval_every or _interval(experiment)
    )


def _interval(experiment: Experiment) -> int:
    """Steps between two evaluations, so that there are about :data:`EVALUATIONS`."""
    from wideload import datasets

    workload = experiment.workload
    size = datasets.load(workload.dataset).size("train")
    steps = workload.steps or workload.epochs * -(-size // workload.batch_size)
    return max(1, steps // EVALUATIONS)
