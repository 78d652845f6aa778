"""What a checkpoint was trained on. The workload is stored in it, so a checkpoint can be used without its run.

``workload.json`` is the workload's canonical form.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from wideload.errors import CheckpointError
from wideload.harness.checkpoints.manifest import Manifest
from wideload.harness.workload.workload import Workload

if TYPE_CHECKING:
    from wideload.datasets.contract import Dataset
    from wideload.harness.features.adapter import FeatureColumnAdapter

FILE = "workload.json"


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A checkpoint's workload with its data set, and its columns compiled for signs."""

    workload: Workload
    dataset: Dataset
    adapter: FeatureColumnAdapter


def write(folder: Path, workload: Workload) -> Path:
    """Writes the workload into a checkpoint; returns the file."""
    path = folder / FILE
    path.write_text(workload.model_dump_json(indent=1), encoding="utf-8")
    return path


def read(checkpoint: Path) -> Trained:
    """What a checkpoint was trained on.

    Raises:
        CheckpointError: it has no workload, or the data set or a vocabulary has changed since.
    """
    from wideload import datasets
    from wideload.harness.features.adapter import FeatureColumnAdapter

    path = checkpoint / FILE
    try:
        workload = Workload.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"{checkpoint} does not say what it was trained on: it has no {FILE}.") from None
    except (OSError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Use another checkpoint.") from None
    dataset = datasets.load(workload.dataset)
    adapter = FeatureColumnAdapter(workload.columns, dataset.schema(), keys="signs")
    columns = Manifest.read(checkpoint).fingerprints.get("columns", adapter.fingerprint)
    if columns != adapter.fingerprint:
        raise CheckpointError(
            f"the columns of {workload.dataset} are {adapter.fingerprint} here, {columns} in {checkpoint}: the data "
            "set or a vocabulary file has changed since. Bring back what it was trained on."
        )
    return Trained(workload, dataset, adapter)
