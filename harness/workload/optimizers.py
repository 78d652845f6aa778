"""Optimizers, declared: a kind and its constants. ``kind`` tells them apart in TOML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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
