"""What must be equal for two strategies to be comparable: data, columns, model, optimizers, batch size, seed.

A workload is declared as data (TOML or Python), validated when it is read, and frozen. Its fingerprint is the hash of
its canonical JSON form; records hold it, and comparisons across different fingerprints are refused.

``batch_size`` is the *global* batch: what one synchronous step trains on, over all ranks. A rank gets
``batch_size / ranks`` of it (the first ranks one more when it does not divide).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from wideload.harness.workload.columns import Columns
from wideload.harness.workload.model import Model
from wideload.hashing import fingerprint
from wideload.options import Options


class Workload(Options):
    """One training problem, whatever strategy distributes it.

    Attributes:
        dataset: ``name`` or ``name[option=value,...]``, as in the data-set registry.
        columns: the feature columns; ``auto`` derives them from the data set's schema.
        batch_size: examples in one global batch.
        epochs: passes over the training split; ignored when ``steps`` is given.
        steps: global batches to train on.
        last_batch: what to do with a short batch at the end of an epoch. ``keep``: train on it as it is; ``drop``:
            leave it out; ``pad``: fill it up with rows that count for nothing, so that all batches have one shape, in
            evaluation too. Losses are the same under ``keep`` and ``pad``.
        seed: of the initial weights and of the order of examples.
    """

    dataset: str
    columns: Columns = Columns()
    model: Model = Model()
    batch_size: int = Field(default=1024, ge=1)
    epochs: int = Field(default=1, ge=1)
    steps: int | None = Field(default=None, ge=1)
    last_batch: Literal["keep", "drop", "pad"] = "keep"
    seed: int = Field(default=42, ge=0, lt=2**63)

    @property
    def canonical(self) -> dict[str, Any]:
        """What fingerprints and the ids of cases are made of; they are on disk.

        ``auto_buckets`` came later: a workload without it keeps the form that earlier records have.
        """
        later = {"columns": {"auto_buckets"}} if self.columns.auto_buckets is None else None
        return self.model_dump(mode="json", exclude=later)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the canonical form."""
        return fingerprint(self.canonical)

    @property
    def unseeded(self) -> str:
        """The same whatever the seed: 16 hex digits."""
        return fingerprint({key: value for key, value in self.canonical.items() if key != "seed"})
