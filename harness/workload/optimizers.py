"""Declarations of optimizers: a kind, its constants and the state that it keeps. In TOML, ``kind`` selects one.

=========  ===================================================================  ==============================
kind       state, in the order in which a row keeps it                          floats for a row of dimension d
=========  ===================================================================  ==============================
ftrl       ``accumulator``, ``linear``                                          ``2 d``
adagrad    ``accumulator``                                                      ``d``
adam       ``m``, ``v``, ``updates`` (how often the row was updated)            ``2 d + 1``
sgd        ``momentum``, or nothing when its momentum is 0                      ``d`` or 0
=========  ===================================================================  ==============================
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from wideload.options import Options


class State(NamedTuple):
    """One part of an optimizer's state: a float for every weight, or one for a whole row."""

    name: str
    per_row: bool = False

    def floats(self, dimension: int) -> int:
        """Floats for a row of ``dimension`` weights."""
        return 1 if self.per_row else dimension


class Declared(Options):
    """Base of the declared optimizers.

    Attributes:
        STATE: all state that an optimizer of this kind may keep; ``state``: what this one does keep.
    """

    STATE: ClassVar[tuple[State, ...]]

    @property
    def state(self) -> tuple[State, ...]:
        return self.STATE


class Ftrl(Declared):
    """FTRL-proximal (McMahan et al. 2013, algorithm 1), as TensorFlow's ``ResourceApplyFtrl`` computes it.

    ``linear += g - (sqrt(n + g^2) - sqrt(n)) / learning_rate * w``; ``n += g^2``;
    ``w = -(linear - clip(linear, -l1, l1)) / (sqrt(n) / learning_rate + 2 * l2)``.
    """

    STATE: ClassVar = (State("accumulator"), State("linear"))

    kind: Literal["ftrl"] = "ftrl"
    learning_rate: float = Field(default=0.05, gt=0)
    l1: float = Field(default=0.0, ge=0)
    l2: float = Field(default=0.0, ge=0)
    initial_accumulator: float = Field(default=0.1, ge=0)


class AdaGrad(Declared):
    """AdaGrad, element-wise (Duchi et al. 2011): ``n += g^2``; ``w -= learning_rate * g / (sqrt(n) + epsilon)``."""

    STATE: ClassVar = (State("accumulator"),)

    kind: Literal["adagrad"] = "adagrad"
    learning_rate: float = Field(default=0.05, gt=0)
    initial_accumulator: float = Field(default=0.1, ge=0)
    epsilon: float = Field(default=1e-7, ge=0)


class Adam(Declared):
    """Adam (Kingma & Ba 2015, the efficient form that ends section 2), as TensorFlow's ``ResourceApplyAdam``.

    ``m += (1 - beta_1) (g - m)``; ``v += (1 - beta_2) (g^2 - v)``;
    ``w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)``. On sparse rows it is
    *lazy*: a row's moments move only when the row is touched, and its ``t`` counts the row's own updates.
    """

    STATE: ClassVar = (State("m"), State("v"), State("updates", per_row=True))

    kind: Literal["adam"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-7, gt=0)


class Sgd(Declared):
    """SGD with classical momentum: ``m = momentum * m + g``; ``w -= learning_rate * m``."""

    STATE: ClassVar = (State("momentum"),)

    kind: Literal["sgd"] = "sgd"
    learning_rate: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)

    @property
    def state(self) -> tuple[State, ...]:
        return self.STATE if self.momentum else ()


Optimizer = Annotated[Ftrl | AdaGrad | Adam | Sgd, Field(discriminator="kind")]

STATE: dict[str, tuple[State, ...]] = {
    "ftrl": Ftrl.STATE,
    "adagrad": AdaGrad.STATE,
    "adam": Adam.STATE,
    "sgd": Sgd.STATE,
}
"""All state that an optimizer of a kind may keep."""


def state_floats(state: Iterable[State], dimension: int) -> int:
    """Floats of optimizer state of a row of ``dimension`` weights."""
    return sum(one.floats(dimension) for one in state)
