"""When a checkpoint is due."""

from __future__ import annotations

import itertools

from wideload.harness.checkpoints.interval import Schedule


class Ranks:
    """Rank ``rank`` of two; the other one's clock has run away."""

    def __init__(self, rank: int = 0) -> None:
        self.rank = rank
        self.meetings = 0

    def allgather(self, value: object) -> list[object]:
        self.meetings += 1
        return [value, (True, 99)]


def due_steps(schedule: Schedule, clock: list[float], steps: int, pace: float) -> list[int]:
    found = []
    for step in range(1, steps + 1):
        if schedule.due(step):
            found.append(step)
            schedule.taken()
        clock[0] += pace
    return found


def test_every_so_many_steps() -> None:
    assert due_steps(Schedule(Ranks(), 4, None), [0.0], 12, 1.0) == [4, 8, 12]


def test_steps_alone_need_no_message() -> None:
    ranks = Ranks()
    due_steps(Schedule(ranks, 4, None), [0.0], 12, 1.0)
    assert ranks.meetings == 0


def test_every_so_many_seconds_by_the_clock_of_rank_0() -> None:
    clock = [0.0]
    found = due_steps(Schedule(Ranks(), None, 10.0, now=lambda: clock[0]), clock, 1000, 0.05)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert gaps
    assert all(195 <= gap <= 205 for gap in gaps)


def test_the_ranks_seldom_meet_while_the_next_is_far_away() -> None:
    clock, ranks = [0.0], Ranks()
    due_steps(Schedule(ranks, None, 10.0, now=lambda: clock[0]), clock, 10_000, 0.01)
    assert ranks.meetings < 300


def test_either_measure_makes_it_due() -> None:
    clock = [0.0]
    found = due_steps(Schedule(Ranks(), 7, 3.0, now=lambda: clock[0]), clock, 20, 1.0)
    assert {7, 14} <= set(found)
    assert len(found) > 2
