"""How the rows were read that a model was trained on."""

from __future__ import annotations

from wideload.datasets.raw_rows import Origin
from wideload.datasets.shards import Shards
from wideload.errors import UsageError
from wideload.harness.checkpoints.trained import Trained


def origin_of(trained: Trained) -> Origin:
    """How rows are read that a model is to score.

    Raises:
        UsageError: the data set was not prepared from rows.
    """
    origin = rows_of(trained)
    if origin is None:
        raise UsageError(
            f"{trained.workload.dataset} was not prepared from files, so there are no raw rows like it; predict scores "
            "rows for models of data that `wideload data prepare` wrote."
        )
    return origin


def rows_of(trained: Trained) -> Origin | None:
    """How the rows of the training data were read, where they were prepared."""
    data = trained.dataset
    if not isinstance(data, Shards) or not data.prepared.manifest.provenance.reader:
        return None
    return Origin.of(data.prepared.manifest.provenance)
