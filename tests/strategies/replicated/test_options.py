"""What an option asks for is what the trainer does."""

from __future__ import annotations

from typing import get_args

import pytest

from wideload.strategies import find, names
from wideload.strategies.replicated.options import SingleOptions

OFFERS = [
    (name, way)
    for name in names()
    if issubclass(find(name).Options, SingleOptions) and "exchange" in find(name).Options.model_fields
    for way in get_args(find(name).Options.model_fields["exchange"].annotation)
]


@pytest.mark.parametrize(("name", "way"), OFFERS)
def test_row_gradients_travel_the_way_that_was_asked_for(name: str, way: str) -> None:
    options = find(name).Options.model_validate({"exchange": way})
    assert isinstance(options, SingleOptions)
    assert options.way == way


def test_every_strategy_that_offers_several_ways_is_tried() -> None:
    assert {name for name, _ in OFFERS} == {"horovod", "mpi_allreduce", "multi_worker_mirrored"}
