"""The parameters of the tower: their shapes, their order in the flat vector, and their initial values; NumPy only.

:mod:`wideload.harness.model.tower` has a drawing of the vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wideload.arrays import Floats
from wideload.harness.features.layout import BatchLayout
from wideload.harness.workload.model import Model
from wideload.hashing import salt_of


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    inputs: int
    outputs: int
    normalised: bool

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Kernel, bias and, when normalised, scale and offset."""
        vectors = 3 if self.normalised else 1
        return [(self.inputs, self.outputs), *[(self.outputs,)] * vectors]


class TowerParameters:
    """The parameters of a workload's tower.

    Args:
        model: the workload's.
        layout: of its batches, which says how wide the inputs are. Without any input the tower is a single bias.
    """

    def __init__(self, model: Model, layout: BatchLayout) -> None:
        self._model = model
        inputs = layout.deep_width + layout.dense_width
        units = model.hidden_units if inputs else ()
        widths = [inputs, *units]
        self._layers = [
            _Layer(f"hidden_{index}", widths[index], unit, model.batch_norm) for index, unit in enumerate(units)
        ]
        self._layers.append(_Layer("logits", widths[-1], 1, False))
        self._sizes = [math.prod(shape) for layer in self._layers for shape in layer.shapes]
        self._statistics = [layer.outputs for layer in self._layers if layer.normalised for _ in range(2)]

    @property
    def size(self) -> int:
        """P, number of parameters."""
        return sum(self._sizes)

    @property
    def first_width(self) -> int:
        """Outputs of the first layer: the flat vector begins with its kernel ``[inputs, first_width]``."""
        return self._layers[0].outputs

    @property
    def statistics_size(self) -> int:
        """Q, number of running statistics; 0 without batch normalisation."""
        return sum(self._statistics)

    def initial(self, seed: int) -> Floats:
        """float32 ``[P]``: Glorot uniform kernels (Glorot & Bengio 2010), zero biases, unit scales.

        A pure function of the seed, the model and the layout.
        """
        parts = []
        for layer in self._layers:
            kernel, *vectors = layer.shapes
            limit = math.sqrt(6.0 / (layer.inputs + layer.outputs))
            parts.append((_uniform(seed, layer.name, math.prod(kernel)) * 2 - 1) * np.float32(limit))
            parts += [np.full(shape, float(index == 1), np.float32) for index, shape in enumerate(vectors)]
        return np.concatenate(parts)

    def initial_statistics(self) -> Floats:
        """float32 ``[Q]``: means 0, variances 1."""
        parts = [np.full(size, float(index % 2), np.float32) for index, size in enumerate(self._statistics)]
        return np.concatenate([np.empty(0, np.float32), *parts])


def _uniform(seed: int, name: str, count: int) -> Floats:
    """24-bit numbers in [0, 1), from a counter-based generator keyed by (seed, name)."""
    raw = np.random.Philox(key=[seed, salt_of(name)]).random_raw(count)
    return (raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
