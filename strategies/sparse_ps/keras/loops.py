"""``fit``, ``evaluate`` and ``predict`` of a model whose ranks train together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from wideload.strategies.sparse_ps.keras.agreement import Agreement
from wideload.strategies.sparse_ps.keras.refusals import require_callbacks
from wideload.strategies.sparse_ps.keras.state import ServedState


class Loops(ServedState):
    """Keras's loops, with metrics over all ranks; only rank 0 prints."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._evaluating = False

    def fit(self, *arguments: Any, **options: Any) -> Any:
        """As in Keras; only rank 0 prints. Returns when all pushes of this rank are applied.

        In synchronous modes, what callbacks see at the end of an epoch is over all ranks, and all ranks stop if one of
        them does and use rank 0's learning rate. In the other modes metrics of training are this rank's. Validation is
        over all ranks.

        Raises:
            UsageError: a callback that does not know the parameter server, such as ``BackupAndRestore``.
        """
        given = self._quiet(named(keras.Model.fit, self, arguments, options))
        given["callbacks"] = self._with_agreement(given.get("callbacks"))
        history = super().fit(**given)
        self.cluster.flush()
        return history

    def _with_agreement(self, given: Any) -> Any:
        is_list = isinstance(given, keras.callbacks.CallbackList)
        callbacks = given.callbacks if is_list else tf.nest.flatten(given) if given else []
        require_callbacks(callbacks)
        if not self._agrees:
            return given
        agreement = Agreement(self.strategy)
        if not is_list:
            return [*callbacks, agreement]
        given.append(agreement)
        agreement.set_model(self)
        return given

    @property
    def _agrees(self) -> bool:
        return self.strategy.synchronous and self.strategy.ranks > 1

    def evaluate(self, *arguments: Any, **options: Any) -> Any:
        """As in Keras, over the examples of all ranks: every rank gets the same numbers. Collective.

        A metric's state is added over the ranks, which is right for means, AUC and all other sums.
        """
        given = self._quiet(named(keras.Model.evaluate, self, arguments, options))
        as_dict = given.pop("return_dict", False)
        self.strategy.meet("evaluate")
        self.cluster.flush()
        self._evaluating = True
        try:
            logs = super().evaluate(**given, return_dict=True)
        finally:
            self._evaluating = False
        found = {name: float(value) for name, value in logs.items()}
        return found if as_dict else list(found.values())

    def _validate_and_get_metrics_result(self, logs: Any) -> Any:
        """Keras calls it at the end of an epoch and of an evaluation, before callbacks see the metrics.

        It is the one place for that: the public ``get_metrics_result`` is also called in the graph of each step.
        """
        if self._evaluating:
            self._sum_metrics()
        elif self._agrees:
            self.strategy.meet("the end of an epoch")
            self._sum_metrics()
        return super()._validate_and_get_metrics_result(logs)

    def _sum_metrics(self) -> None:
        for metric in self.metrics:
            for variable in metric.variables:
                variable.assign(sum(self.strategy.cluster.allgather(variable.numpy())))

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """As in Keras, for this rank's examples."""
        self.cluster.flush()
        return super().predict(**self._quiet(named(keras.Model.predict, self, arguments, options)))

    def _quiet(self, given: dict[str, Any]) -> dict[str, Any]:
        """Only rank 0 prints."""
        return given | {"verbose": given.get("verbose", "auto") if self.strategy.rank == 0 else 0}


def named(method: Any, model: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call of a Keras method by their names, however they were given."""
    bound = inspect.signature(method).bind(model, *arguments, **options)
    given = dict(bound.arguments)
    given.pop("self")
    more: dict[str, Any] = given.pop("kwargs", {})
    return given | more
