"""The options of ``planted``."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from wideload.options import Options


class PlantedOptions(Options):
    """The properties of planted data.

    Attributes:
        slots: categorical fields; the last ``multi_valued`` of them hold lists.
        vocabulary: number of ids of the first slot; ``vocabulary_last``: number of ids of the last slot (default:
            equal). Slots in between are spaced geometrically.
        zipf: exponent of the first slot's id frequencies; ``zipf_last``: exponent of the last slot (default: equal).
            Slots in between are spaced linearly.
        numeric: number of standard normal fields.
        examples, validation_examples, test_examples: sizes of the splits, which follow each other in time.
        multi_valued, max_values: number of slots with 0 to ``max_values`` values per example.
        correlated, correlation: number of slots that copy their predecessor's popularity rank, and the probability of
            it.
        noise: probability that a label is flipped; it is part of the true probability, so best_auc accounts for it.
        drift: how often the id at a popularity rank is replaced by another one over the training split.
        click_rate: mean true probability without noise.
        signal: standard deviation of the true logit.
        interaction: share of the logit's variance that comes from the embeddings' pairwise products.
        fade: the weights of the id with popularity rank k are scaled by ``k ** -fade``, so frequent ids matter most.
        seed: seed of all random numbers.
        storage: ``stream`` computes batches on demand; ``files`` writes shards to the cache folder first.
    """

    slots: int = Field(default=26, ge=1, le=10_000)
    vocabulary: int = Field(default=100_000, ge=1, le=2**32)
    vocabulary_last: int | None = Field(default=None, ge=1, le=2**32)
    zipf: float = Field(default=1.05, ge=0, le=10)
    zipf_last: float | None = Field(default=None, ge=0, le=10)
    numeric: int = Field(default=13, ge=0, le=10_000)
    examples: int = Field(default=1_000_000, ge=0, le=2**40)
    validation_examples: int = Field(default=0, ge=0, le=2**40)
    test_examples: int = Field(default=100_000, ge=0, le=2**40)
    multi_valued: int = Field(default=0, ge=0)
    max_values: int = Field(default=5, ge=1, le=1_000)
    correlated: int = Field(default=0, ge=0)
    correlation: float = Field(default=0.7, ge=0, le=1)
    noise: float = Field(default=0.0, ge=0, lt=0.5)
    drift: float = Field(default=0.0, ge=0, le=1_000)
    click_rate: float = Field(default=0.25, gt=0, lt=1)
    signal: float = Field(default=2.0, gt=0, le=20)
    interaction: float = Field(default=0.2, ge=0, le=1)
    fade: float = Field(default=0.2, ge=0, le=2)
    seed: int = Field(default=1, ge=0, lt=2**63)
    storage: Literal["stream", "files"] = "stream"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.multi_valued > self.slots:
            raise ValueError(f"multi_valued={self.multi_valued} exceeds slots={self.slots}")
        if self.correlated >= max(1, self.single_valued) and self.correlated:
            raise ValueError(
                f"correlated={self.correlated} must be below the number of single-valued slots, {self.single_valued}"
            )
        return self

    @property
    def single_valued(self) -> int:
        return self.slots - self.multi_valued

    def vocabularies(self) -> npt.NDArray[np.int64]:
        """Returns the number of ids of each slot: int64 ``[slots]``."""
        last = self.vocabulary if self.vocabulary_last is None else self.vocabulary_last
        sizes: npt.NDArray[np.int64] = np.rint(np.geomspace(self.vocabulary, last, self.slots)).astype(np.int64)
        sizes[0] = self.vocabulary
        return sizes

    def exponents(self) -> npt.NDArray[np.float64]:
        """Returns the Zipf exponent of each slot: float64 ``[slots]``."""
        return np.linspace(self.zipf, self.zipf if self.zipf_last is None else self.zipf_last, self.slots)
