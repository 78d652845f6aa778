"""What the ranks agree on at the borders of an epoch, in synchronous modes, so that they keep taking equal steps."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from wideload.strategies.sparse_ps.keras.strategy import PsStrategy


class Agreement(keras.callbacks.Callback):  # type: ignore[misc]
    """Runs after the script's callbacks: all ranks stop if one of them does, and use rank 0's learning rate."""

    def __init__(self, strategy: PsStrategy) -> None:
        super().__init__()
        self._strategy = strategy

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
        rate = self.model.optimizer.constant_factor
        if rate is not None:
            self.model.optimizer.constant_factor = self._strategy.gather("the beginning of an epoch", rate)[0]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
        stopping = self._strategy.gather("the end of an epoch", bool(self.model.stop_training))
        self.model.stop_training = any(stopping)
