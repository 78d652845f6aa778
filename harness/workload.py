"""What must be equal for two strategies to be comparable: data, columns, model, optimizers, batch size, seed.

A workload is declared as data (TOML or Python), parsed once at the edge and frozen. Its fingerprint is the hash of its
canonical JSON form; records carry it, and comparisons across different fingerprints are refused.

``batch_size`` is the *global* batch: what one synchronous step trains on, over all ranks. A rank gets
``batch_size / ranks`` of it (the first ranks one more when it does not divide).
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from wideload.harness.columns import Columns
from wideload.harness.schedule import Schedule
from wideload.options import Options


class Ftrl(Options):
    """FTRL-proximal (McMahan et al. 2013, algorithm 1), as TensorFlow's ``ResourceApplyFtrl`` computes it.

    ``linear += g - (sqrt(n + g^2) - sqrt(n)) / learning_rate * w``; ``n += g^2``;
    ``w = -(linear - clip(linear, -l1, l1)) / (sqrt(n) / learning_rate + 2 * l2)``.
    """

    kind: Literal["ftrl"] = "ftrl"
    learning_rate: float = Field(default=0.05, gt=0)
    l1: float = Field(default=0.0, ge=0)
    l2: float = Field(default=0.0, ge=0)
    initial_accumulator: float = Field(default=0.1, ge=0)


class AdaGrad(Options):
    """AdaGrad, element-wise (Duchi et al. 2011): ``n += g^2``; ``w -= learning_rate * g / (sqrt(n) + epsilon)``."""

    kind: Literal["adagrad"] = "adagrad"
    learning_rate: float = Field(default=0.05, gt=0)
    initial_accumulator: float = Field(default=0.1, ge=0)
    epsilon: float = Field(default=1e-7, ge=0)


class Adam(Options):
    """Adam (Kingma & Ba 2015, the efficient form that ends section 2), as TensorFlow's ``ResourceApplyAdam``.

    ``m += (1 - beta_1) (g - m)``; ``v += (1 - beta_2) (g^2 - v)``;
    ``w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)``. On sparse rows it is
    *lazy*: a row's moments move only when the row is touched, and its ``t`` counts the row's own updates.
    """

    kind: Literal["adam"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-7, gt=0)


class Sgd(Options):
    """SGD with classical momentum: ``m = momentum * m + g``; ``w -= learning_rate * m``."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)


Optimizer = Annotated[Ftrl | AdaGrad | Adam | Sgd, Field(discriminator="kind")]


class Model(Options):
    """The Wide & Deep model: a linear part and a tower, logits added, sigmoid cross-entropy.

    The linear part alone is ``columns.parts = "wide"`` with ``hidden_units = []``, which leaves numeric columns their
    linear weights; the deep part alone is ``columns.parts = "deep"``.

    Attributes:
        hidden_units: widths of the hidden layers; empty: inputs go straight to the logit.
        batch_norm: normalises before the activation, over the global batch in training and by running moments
            otherwise.
        embedding_l2: half of it times the squared length of every looked-up vector is added to an example's loss.
        dense_l1, dense_l2: penalties on the tower's kernels, per step.
        schedule: changes the learning rates of all three optimizers over the steps; None: they stay.
        wide_optimizer: of the linear weights; ``deep_optimizer``: of the embeddings; ``dense_optimizer``: of the tower.
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


class Workload(Options):
    """One training problem, whoever distributes it.

    Attributes:
        dataset: ``name`` or ``name[option=value,...]``, as in the data-set registry.
        columns: the feature columns; ``auto`` derives them from the data set's schema.
        batch_size: examples in one global batch.
        epochs: passes over the training split; ignored when ``steps`` is given.
        steps: global batches to train on.
        last_batch: what becomes of the batch that the end of an epoch leaves short. ``keep``: it is trained on as it
            is; ``drop``: it is left out; ``pad``: it is filled up with rows that count for nothing, so that all batches
            have one shape, in evaluation too. Losses are the same under ``keep`` and ``pad``.
        seed: of weights and of the order of examples.
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
    def fingerprint(self) -> str:
        """16 hex digits over the canonical form."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()
