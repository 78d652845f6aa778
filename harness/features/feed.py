"""The batches of one rank: epochs of a data set, limited to the number of steps, compiled by the adapter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from wideload.datasets.contract import Dataset, Plan, Split
from wideload.errors import DataError
from wideload.harness.cluster import Cluster
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.features.layout import Batch
from wideload.harness.workload.workload import Workload

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
EVALUATION_BATCH = 8192
"""Held-out examples that are predicted at a time."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Reads this rank's share of every global batch."""

    workload: Workload
    dataset: Dataset
    adapter: FeatureColumnAdapter
    cluster: Cluster

    @property
    def steps(self) -> int:
        """Global batches that the workload trains on."""
        if self.workload.steps is not None:
            return self.workload.steps
        return self.workload.epochs * self.steps_per_pass

    @property
    def steps_per_pass(self) -> int:
        """Global batches in one pass over the training split."""
        return self._plan(0).batches(self.dataset.size("train"))

    def train(self, start: int = 0) -> Iterator[Batch]:
        """The training batches from global batch ``start`` on, in the order that the seed determines.

        Raises:
            DataError: there is nothing to train on; the message has the numbers of examples.
        """
        self._require_batches()
        return itertools.islice(self._epochs(start), max(0, self.steps - start))

    def training_examples(self) -> Iterator[Batch]:
        """Every example that training uses, once: its batches, or the whole split when it takes more than one pass."""
        if self.steps > self._plan(0).batches(self.dataset.size("train")):
            return self.held_out("train", self.workload.batch_size)
        return self.train()

    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """A split in stored order, to its last example; every rank yields equally many batches."""
        plan = Plan(batch_size, self.cluster.rank, self.cluster.ranks)
        return self._compile(split, plan)

    def _epochs(self, start: int) -> Iterator[Batch]:
        epochs, within = divmod(start, self._plan(0).batches(self.dataset.size("train")))
        for epoch in itertools.count(epochs):
            trained = False
            for batch in self._compile("train", self._plan(epoch, within)):
                trained = True
                yield batch
            if not trained:
                raise DataError(
                    f"epoch {epoch} of {self.workload.dataset} has no batches, although its training split should have "
                    f"{self.dataset.size('train')} examples: the data set's size() and stream() disagree."
                )
            within = 0

    def _require_batches(self) -> None:
        sizes = {split: self.dataset.size(split) for split in SPLITS}
        if sizes["train"] == 0:
            raise DataError(
                f"nothing to train on: the training split of {self.workload.dataset} is empty; it has "
                f"{sizes['validation']} validation and {sizes['test']} test examples. Split the data in another way."
            )
        if self._plan(0).batches(sizes["train"]) == 0:
            raise DataError(
                f"nothing to train on: {sizes['train']} training examples make no batch of "
                f"{self.workload.batch_size} under last_batch = {self.workload.last_batch!r}. Use smaller batches."
            )

    def _plan(self, epoch: int, start: int = 0) -> Plan:
        return Plan(
            self.workload.batch_size,
            self.cluster.rank,
            self.cluster.ranks,
            seed=self.workload.seed,
            epoch=epoch,
            start=start,
            last="drop" if self.workload.last_batch == "drop" else "keep",
        )

    def _compile(self, split: Split, plan: Plan) -> Iterator[Batch]:
        examples = self.dataset.size(split)
        begin, end = plan.share(plan.batch_size)
        for number, records in enumerate(self.dataset.stream(split, plan), plan.start):
            global_size = min(plan.batch_size, examples - number * plan.batch_size)
            batch = self.adapter.transform(records, global_size=global_size)
            pads = self.workload.last_batch == "pad"
            yield batch.padded(end - begin, self.adapter.layout.slots) if pads else batch


def held_out_split(dataset: Dataset) -> Split | None:
    """The split on which metrics are computed: test, else validation, else None."""
    splits: tuple[Split, ...] = ("test", "validation")
    return next((split for split in splits if dataset.size(split) > 0), None)
