"""The Wide & Deep model, declared: layers, penalties, optimizers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wideload.harness.workload.learning_rate import Schedule
from wideload.harness.workload.optimizers import AdaGrad, Ftrl, Optimizer
from wideload.options import Options


class Model(Options):
    """The Wide & Deep model: a linear part and a tower, logits added, sigmoid cross-entropy.

    The linear part alone is ``columns.parts = "wide"`` with ``hidden_units = []``, which leaves numeric columns their
    linear weights; the deep part alone is ``columns.parts = "deep"``.

    Attributes:
        hidden_units: widths of the hidden layers; empty: inputs go straight to the logit.
        batch_norm: normalise before the activation, by the moments of the global batch in training and by running
            moments otherwise.
        embedding_l2: half of it times the squared length of every looked-up vector is added to an example's loss.
        dense_l1, dense_l2: penalties on the tower's kernels, per step.
        schedule: how the learning rates of all three optimizers change over the steps; None: they are constant.
        wide_optimizer: for the linear weights; ``deep_optimizer``: for the embeddings; ``dense_optimizer``: for the
            tower.
    """

    hidden_units: tuple[int, ...] = (256, 128, 64)
    activation: Literal["relu", "elu", "gelu", "tanh"] = "relu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    batch_norm: bool = False
    batch_norm_momentum: float = Field(default=0.99, ge=0, lt=1)
    batch_norm_epsilon: float = Field(default=1e-3, gt=0)
    embedding_l2: float = Field(default=0.0, ge=0)
    dense_l1: float = Field(default=0.0, ge=0)
    dense_l2: float = Field(default=0.0, ge=0)
    wide_optimizer: Optimizer = Ftrl()
    deep_optimizer: Optimizer = AdaGrad()
    dense_optimizer: Optimizer = AdaGrad()
    schedule: Schedule | None = None
