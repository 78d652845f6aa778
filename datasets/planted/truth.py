"""The known Wide & Deep model that planted labels are drawn from.

::

    example -> ids --hash--> wide weight, 4 embedding floats       nothing is stored, so any vocabulary fits
            -> numbers --fixed coefficients--> the same
    wide    = sum of weights
    deep    = (|sum of embeddings|^2 - sum of |embedding|^2) / 2   all pairwise products (Rendle 2010, eq. 5)
    logit   = bias + signal * (sqrt(1 - i) * z(wide) + sqrt(i) * z(deep))
    p       = noise + (1 - 2 noise) * sigmoid(logit)

``z`` standardises with the moments of a fixed pilot sample; the bias that gives the click rate comes from the same
sample. Everything depends only on (options, row number), so any rank can compute any row.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wideload.arrays import Doubles, Words
from wideload.datasets.counter_rng import salt, unit
from wideload.datasets.planted.options import PlantedOptions
from wideload.datasets.planted.zipf import Zipf
from wideload.hashing import GOLDEN_GAMMA, finalise

_ROW, _SLOT, _COPY, _LENGTH, _LABEL, _NUMBER, _WEIGHT, _COEFFICIENT, _PHASE = range(1, 10)
_PILOT_ROW = 2**62
_PILOT_ROWS = 8_192
_DIMENSION = 4
_NUMBER_SCALE = 0.3


@dataclass(frozen=True, slots=True)
class Inputs:
    """The fields of ``n`` examples in ``C`` value columns: one for a single-valued slot, else max_values.

    Attributes:
        ids: int64 ``[n, C]``.
        log_ranks: float64 ``[n, C]``, logarithm of the popularity rank.
        lengths: int64 ``[n, multi_valued]``.
        numbers: float32 ``[n, numeric]``.
    """

    ids: npt.NDArray[np.int64]
    log_ranks: Doubles
    lengths: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Scale:
    wide_mean: float
    wide_factor: float
    deep_mean: float
    deep_factor: float
    bias: float


class Truth:
    """Generates rows and computes their click probabilities."""

    def __init__(self, options: PlantedOptions) -> None:
        self._options = options
        single, multi = options.single_valued, options.multi_valued
        self._slot_of = np.concatenate(
            [np.arange(single), np.repeat(np.arange(single, options.slots), options.max_values)]
        )
        columns = len(self._slot_of)
        keys = [salt(options.seed, _SLOT, int(slot)) for slot in self._slot_of]
        self._zipf = Zipf(options.vocabularies()[self._slot_of], options.exponents()[self._slot_of], keys)
        self._draw_keys = self._keys(_SLOT, columns)
        self._weight_keys = np.array([salt(key, _WEIGHT) for key in keys], dtype=np.uint64)
        self._copy_keys = self._keys(_COPY, options.correlated)
        self._length_keys = self._keys(_LENGTH, multi)
        self._number_keys = self._keys(_NUMBER, 2 * ((options.numeric + 1) // 2))
        self._label_keys = self._keys(_LABEL, 1)
        generator = np.random.default_rng([options.seed, _COEFFICIENT])
        self._coefficients = _NUMBER_SCALE * generator.standard_normal((options.numeric, 1 + _DIMENSION)).astype(
            np.float32
        )

    def _keys(self, kind: int, count: int) -> Words:
        return np.array([salt(self._options.seed, _ROW, kind, index) for index in range(count)], dtype=np.uint64)

    def _uniform(self, rows: Words, keys: Words) -> Doubles:
        """Returns numbers in [0, 1) for every row and key: float64 ``[n, K]``."""
        return unit(finalise(rows[:, None] + keys[None, :]))

    def inputs(self, rows: npt.NDArray[np.int64], time: Doubles) -> Inputs:
        """Computes the fields of rows.

        Args:
            rows: int64 ``[n]``, row numbers, unique over all splits.
            time: float64 ``[n]``, the rows' positions in time; the training split spans 0 to 1.
        """
        keys = finalise(rows.view(np.uint64) * np.uint64(GOLDEN_GAMMA))
        uniform = self._uniform(keys, self._draw_keys)
        self._correlate(keys, uniform)
        log_ranks = self._zipf.log_ranks(uniform)
        ranks = self._zipf.ranks(log_ranks)
        if self._options.drift:
            ranks = self._drifted(ranks, time)
        lengths = (self._uniform(keys, self._length_keys) * (self._options.max_values + 1)).astype(np.int64)
        return Inputs(self._zipf.ids(ranks), log_ranks, lengths, self._numbers(keys))

    def _correlate(self, keys: Words, uniform: Doubles) -> None:
        """Slots 1 to ``correlated`` copy their predecessor's draw with probability ``correlation``; in place."""
        copies = self._uniform(keys, self._copy_keys) < self._options.correlation
        for slot in range(1, self._options.correlated + 1):
            np.copyto(uniform[:, slot], uniform[:, slot - 1], where=copies[:, slot - 1])

    def _drifted(self, ranks: npt.NDArray[np.int64], time: Doubles) -> npt.NDArray[np.int64]:
        """The ranks after drift: the id at each rank is replaced ``drift`` times, at times that differ by rank."""
        phase = unit(finalise(ranks.view(np.uint64) + np.uint64(salt(self._options.seed, _PHASE))))
        turn = np.floor(phase + self._options.drift * time[:, None]).astype(np.int64)
        sizes = self._options.vocabularies()[self._slot_of]
        stride = np.maximum(1, (sizes * 0.381966).astype(np.int64))
        drifted: npt.NDArray[np.int64] = (ranks + turn * stride) % sizes
        return drifted

    def _numbers(self, keys: Words) -> npt.NDArray[np.float32]:
        """Returns standard normal numbers (Box & Muller 1958): float32 ``[n, numeric]``."""
        uniform = self._uniform(keys, self._number_keys).astype(np.float32)
        half = uniform.shape[1] // 2
        radius = np.sqrt(-2.0 * np.log1p(-np.minimum(uniform[:, :half], np.float32(1 - 2**-24))))
        angle = np.float32(2.0 * np.pi) * uniform[:, half:]
        both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return np.ascontiguousarray(both[:, : self._options.numeric], dtype=np.float32)

    def probabilities(self, inputs: Inputs) -> Doubles:
        """Returns the true click probability of each example, including label noise: float64 ``[n]``."""
        noise = self._options.noise
        return noise + (1.0 - 2.0 * noise) * _sigmoid(self._scores(inputs, self._scale) + self._scale.bias)

    def labels(self, rows: npt.NDArray[np.int64], probabilities: Doubles) -> npt.NDArray[np.float32]:
        """Draws clicks with the given probabilities: float32 ``[n]``."""
        keys = finalise(rows.view(np.uint64) * np.uint64(GOLDEN_GAMMA))
        return (self._uniform(keys, self._label_keys)[:, 0] < probabilities).astype(np.float32)

    def _parts(self, inputs: Inputs) -> tuple[Doubles, Doubles]:
        """Returns the wide and the deep part before they are standardised: float64 ``[n]`` each."""
        bits = finalise(inputs.ids.view(np.uint64) * np.uint64(0xD6E8FEB86659FD93) + self._weight_keys)
        words = bits.view(np.uint16).reshape(*bits.shape, _DIMENSION)
        factor = np.exp(np.float32(-self._options.fade) * inputs.log_ranks.astype(np.float32))
        self._pool(factor, inputs.lengths)
        embeddings = (words.astype(np.float32) * np.float32(2**-16) - np.float32(0.5)) * factor[:, :, None]
        extra = finalise(bits).astype(np.float32) * np.float32(2**-64) - np.float32(0.5)
        numbers = inputs.numbers @ self._coefficients
        total = embeddings.sum(axis=1) + numbers[:, 1:]
        own = np.einsum("ncd,ncd->n", embeddings, embeddings)
        wide = np.einsum("nc,nc->n", extra, factor) + numbers[:, 0]
        deep = 0.5 * (np.einsum("nd,nd->n", total, total) - own)
        return wide.astype(np.float64), deep.astype(np.float64)

    def _pool(self, factor: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]) -> None:
        """Averages over the values of multi-valued slots; absent values get factor 0; in place."""
        options = self._options
        if options.multi_valued:
            bags = factor[:, options.single_valued :].reshape(len(factor), options.multi_valued, options.max_values)
            present = np.arange(options.max_values) < lengths[:, :, None]
            pooled = bags * present / np.maximum(lengths, 1)[:, :, None]
            factor[:, options.single_valued :] = pooled.reshape(len(factor), options.multi_valued * options.max_values)

    def _scores(self, inputs: Inputs, scale: _Scale) -> Doubles:
        wide, deep = self._parts(inputs)
        return scale.wide_factor * (wide - scale.wide_mean) + scale.deep_factor * (deep - scale.deep_mean)

    @functools.cached_property
    def _scale(self) -> _Scale:
        """Moments of the parts, and the bias, computed on rows that are in no split."""
        rows = np.arange(_PILOT_ROW, _PILOT_ROW + _PILOT_ROWS, dtype=np.int64)
        inputs = self.inputs(rows, np.linspace(0.0, 1.0, _PILOT_ROWS))
        wide, deep = self._parts(inputs)
        share = self._options.interaction
        wide_factor = self._options.signal * np.sqrt(1 - share) / max(float(wide.std()), 1e-9)
        deep_factor = self._options.signal * np.sqrt(share) / max(float(deep.std()), 1e-9)
        scale = _Scale(float(wide.mean()), float(wide_factor), float(deep.mean()), float(deep_factor), 0.0)
        bias = _bias(self._scores(inputs, scale), self._options.click_rate)
        return _Scale(scale.wide_mean, scale.wide_factor, scale.deep_mean, scale.deep_factor, bias)


def _bias(scores: Doubles, rate: float) -> float:
    """Finds, by bisection, the number that makes the mean probability ``rate`` when added to the scores."""
    low, high = -100.0, 100.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(_sigmoid(scores + middle).mean()) < rate else (low, middle)
    return 0.5 * (low + high)


def _sigmoid(logits: Doubles) -> Doubles:
    result: Doubles = 1.0 / (1.0 + np.exp(-logits))
    return result
