"""Runs the experiments of a bundle again, on the same data, as any other sweep: into a run folder of its own.

The data are compared before anything is run: whoever has other data would measure another problem for hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wideload import datasets
from wideload.errors import UsageError, WideloadError
from wideload.harness.experiment.experiment import Experiment, load
from wideload.harness.job.mpi import Hosts
from wideload.harness.records.results import experiment_files
from wideload.harness.sweep.sweep import Sweep, Watcher


def check_data(expected: Mapping[str, str]) -> None:
    """Compares the data sets here with those of a bundle.

    Args:
        expected: fingerprints by the name of the data set.

    Raises:
        UsageError: one cannot be read here, or is another one.
    """
    for name, fingerprint in expected.items():
        try:
            found = datasets.load(name).fingerprint()
        except (WideloadError, OSError) as error:
            raise UsageError(f"refused: the data set {name} of the bundle cannot be read here: {error}") from None
        if found != fingerprint:
            raise UsageError(
                f"refused: {name} is not the data that the bundle was measured on: its fingerprint is {found}, "
                f"the bundle's {fingerprint}. Prepare the same data in the same way, at the same place."
            )


def repeat(run: Path, folder: Path, watcher: Watcher, hosts: Hosts) -> None:
    """Runs every experiment of the run folder ``run`` into ``folder``; what is recorded there already is kept."""
    for path in experiment_files(run):
        Sweep.prepare(_without_mirror(load(path)), folder, watcher, hosts).run()


def _without_mirror(experiment: Experiment) -> Experiment:
    """The same without the place at which others keep their checkpoints: nothing is taken from there, or left."""
    return experiment.changed(checkpoint=experiment.checkpoint.changed(mirror=None))
