import pytest

from wideload.reports.findings.decision import decide
from wideload.reports.html.board import BARS, BOARDS, NAMED, boards, left_out


def of(race):
    return boards(race, decide(race))


def test_the_first_bar_is_marked_only_where_it_is_decided(race_of, rounds):
    (close,) = of(race_of(rounds("a", [110]) + rounds("b", [100]), name="close"))
    (clear,) = of(race_of(rounds("a", [210, 200] * 3) + rounds("b", [100] * 6), name="clear"))
    assert (close.decided, clear.decided) == (False, True)


def test_settings_without_bars_are_named_and_many_are_counted(race_of, make_run):
    def words(number):
        sizes = [1000 * (1 + place) for place in range(number)]
        runs = [make_run(name, dataset=f"planted[vocabulary={size}]") for size in sizes for name in ("a", "b")]
        race = race_of(runs, name=f"run{number}")
        return left_out(race, decide(race))

    assert words(2) == ""
    assert words(3) == "Without bars: planted, 1,000 ids · 2 ranks. The table below has all settings."
    assert words(BOARDS + NAMED + 3).endswith("; and 3 more. The table below has all settings.")


def test_bars_are_as_long_as_the_throughput_they_stand_for_the_fastest_first(race_of, rounds):
    (board,) = of(race_of(rounds("slow", [50]) + rounds("fast", [200]) + rounds("middle", [100])))
    assert [(bar.name, bar.width) for bar in board.bars] == [("fast", 100), ("middle", 50), ("slow", 25)]


def test_a_bar_has_the_range_of_its_rounds(race_of, rounds):
    (board,) = of(race_of(rounds("a", [80, 100, 90]) + rounds("b", [50])))
    first, second = board.bars
    assert (first.low, first.width, first.high) == (80, 90, 100)
    assert second.low == second.width == second.high == 50


def test_what_is_not_ranked_stands_below_with_its_reason(race_of, rounds, make_run):
    crashed = make_run("b", status="crashed", error="rank 1 was killed", examples_per_second=None)
    wrong = rounds("c", [500], parity="fail", parity_max=0.3)
    (board,) = of(race_of([*rounds("a", [100]), *wrong, crashed]))
    assert [bar.name for bar in board.bars] == ["a", "c", "b"] or [bar.name for bar in board.bars] == ["a", "b", "c"]
    whys = {bar.name: bar.why for bar in board.bars}
    assert (whys["a"], whys["b"]) == ("", "crashed: rank 1 was killed")
    assert whys["c"].startswith("parity failed")
    assert {bar.name: bar.width for bar in board.bars} == {"a": 20, "b": 0, "c": 100}


def test_the_two_settings_that_tell_most_have_one(race_of, make_run):
    sizes = [1000, 10_000, 100_000]
    runs = [make_run(name, dataset=f"planted[vocabulary={size}]") for size in sizes for name in ("a", "b")]
    assert [board.label for board in of(race_of(runs))] == [
        "planted, 10,000 ids · 2 ranks",
        "planted, 100,000 ids · 2 ranks",
    ]


def test_many_entrants_are_cut_and_counted(race_of, rounds):
    runs = [run for place in range(BARS + 3) for run in rounds(f"s{place}", [100 + place])]
    (board,) = of(race_of(runs))
    assert (len(board.bars), board.more) == (BARS, 3)
    assert board.bars[0].name == f"s{BARS + 2}"


@pytest.mark.parametrize("status", ["ok", "crashed"])
def test_one_entrant_alone_is_no_picture(race_of, make_run, status):
    assert of(race_of([make_run("a", status=status)])) == []
