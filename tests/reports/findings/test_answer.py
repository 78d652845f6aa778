import pytest

from wideload.harness.records.schema import Flag
from wideload.reports.findings.answer import answer
from wideload.reports.findings.decision import decide

SIX = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0]


def ask(race):
    return answer(race, decide(race))


def flags(given):
    return [Flag.model_validate(flag) for flag in given]


def times(factor, values):
    return [factor * value for value in values]


def test_one_setting_is_answered_with_the_ratio_its_interval_memory_and_auc(race_of, rounds):
    fast = rounds("sparse_ps", times(190_000, SIX), peak_pss_bytes=400, auc=0.9051)
    slow = rounds("horovod", times(100_000, SIX), peak_pss_bytes=1000, auc=0.9049)
    said = ask(race_of(fast + slow))
    assert said.headline == (
        "sparse_ps is 1.90× (1.90–1.90) as fast as horovod, uses 0.40× its memory, AUC equal within 0.0002."
    )


def test_a_difference_that_the_rounds_contradict_is_not_called_a_lead(race_of, rounds):
    said = ask(race_of(rounds("a", [105, 95, 110, 90, 104, 97, 101]) + rounds("b", [100] * 7)))
    assert said.headline == "a and b are too close to call after 7 rounds (1.01× (0.95–1.05))."
    assert said.details == ("a compared with b: uses 1.00× its memory, AUC equal within 0.0001.",)


def test_few_rounds_are_said_to_be_few_and_get_no_interval(race_of, rounds):
    said = ask(race_of(rounds("a", [200, 201]) + rounds("b", [100, 100])))
    assert said.headline == "Nothing is decided after 2 rounds, in which a ran 2.00× as fast as b."
    assert any("an interval needs 6" in sentence for sentence in said.details)


def test_what_was_not_measured_is_not_mentioned(race_of, rounds):
    nothing = {"peak_pss_bytes": None, "peak_rss_bytes": None, "auc": None}
    race = race_of(rounds("a", times(200, SIX), **nothing) + rounds("b", times(100, SIX), **nothing))
    blind = type(race).of(
        type(race.results)(**{name: getattr(race.results, name) for name in race.results.__slots__} | {"ranks": ()})
    )
    assert ask(blind).headline == "a is 2.00× (2.00–2.00) as fast as b."


def test_rounds_without_a_core_for_every_thread_do_not_count(race_of, rounds):
    starved = [{"kind": "oversubscribed", "text": "4 compute threads on 2 cores"}]
    runs = rounds("a", [*SIX, 900]) + rounds("b", [2, 2, 2, 2, 2, 2, 900])
    runs[6] = runs[6].model_copy(update={"flagged": flags(starved)})
    runs[13] = runs[13].model_copy(update={"flagged": flags(starved)})
    said = ask(race_of(runs))
    assert said.headline.startswith("b is 2.00×")
    assert "2 of 14 cases had more compute threads than cores, and did not count." in said.details


def test_an_entrant_that_was_throttled_in_every_round_is_not_ranked(race_of, rounds):
    throttled = flags([{"kind": "throttled", "text": "throttled: in 10.0 s, threads waited 4.0 s"}])
    race = race_of(rounds("a", SIX) + rounds("b", times(2, SIX), flagged=throttled))
    assert [str(group.unranked) for group in race.groups if group.unranked] == [str(throttled[0])]
    assert "b" not in ask(race).headline.split()


def test_a_real_difference_in_auc_is_named_with_its_side(race_of, rounds):
    said = ask(race_of(rounds("a", times(200, SIX), auc=0.88) + rounds("b", times(100, SIX), auc=0.90)))
    assert "AUC lower by 0.0200" in said.headline


def test_when_a_single_process_wins_those_that_distribute_are_compared_as_well(race_of, rounds):
    runs = rounds("local", times(300, SIX), processes=1) + rounds("a", times(200, SIX)) + rounds("b", times(100, SIX))
    said = ask(race_of(runs))
    assert said.headline.startswith("local is 1.50×")
    expected = "Of those that distribute: a is 2.00× (2.00–2.00) as fast as b"
    assert any(sentence.startswith(expected) for sentence in said.details)


def test_a_small_lead_after_one_round_is_too_close_to_call(race_of, rounds):
    said = ask(race_of(rounds("sparse_ps", [113]) + rounds("horovod", [100])))
    assert said.headline == "sparse_ps and horovod are too close to call after one round (1.13×)."


def test_nobody_is_the_fastest_who_is_not_clearly_faster_than_every_rival(race_of, rounds):
    wavering = [0.5, 1.2, 0.6, 1.1, 0.5, 1.15]
    runs = rounds("a", times(200, SIX)) + rounds("b", times(150, SIX)) + rounds("c", times(200, wavering))
    said = ask(race_of(runs))
    assert said.headline.startswith("a and c are too close to call after 6 rounds (")
    assert any("1.33× (1.33–1.33) as fast as b" in sentence for sentence in said.details)


def test_a_rival_that_shares_no_round_leaves_everything_open(race_of, rounds, make_run):
    alone = make_run("b", repeat=9, round=9, examples_per_second=1.0)
    said = ask(race_of([*rounds("a", [200, 201]), alone]))
    assert said.headline == "Nothing is decided: a had the highest throughput, but shares no round with b."


def test_settings_that_differ_in_sureness_get_a_clause_each(race_of, rounds):
    runs = one_setting(rounds, "a", 1000)
    runs += [
        run
        for name, speeds in {"a": [105, 95, 110, 90, 104, 97], "b": [100] * 6}.items()
        for run in rounds(name, speeds, dataset="planted[vocabulary=100000]")
    ]
    said = ask(race_of(runs)).headline
    assert said.startswith("a is 3.00× (3.00–3.00) as fast as b on planted, 1,000 ids; a and b are too close to call")


@pytest.mark.parametrize(("ids", "where"), [([1, 2], "either setting"), ([1, 2, 3, 4], "any of 4 settings")])
def test_many_settings_without_a_winner_name_none(race_of, make_run, ids, where):
    runs = [make_run(name, dataset=f"planted[vocabulary={each}]") for each in ids for name in ("sparse_ps", "horovod")]
    headline = ask(race_of(runs)).headline
    assert "fastest" not in headline
    assert headline.startswith("Nothing is decided")
    if len(ids) > 3:
        assert headline == f"Nothing is decided in {where} after one round: an interval needs 6."


def test_settings_in_which_nothing_is_decided_are_counted(race_of, rounds):
    runs = [run for ids in (1000, 2000, 3000) for run in one_setting(rounds, "a", ids)]
    runs += [run for name in ("a", "b") for run in rounds(name, times(100, SIX), dataset="planted[vocabulary=4000]")]
    assert ask(race_of(runs)).headline == (
        "a is the fastest in 3 of 4 settings, 3.00× as fast as b; nothing is decided in 1."
    )


def one_setting(race_runs, winner, ids):
    """``winner`` at three times the speed of the other of a and b, with that many ids."""
    dataset = f"planted[vocabulary={ids}]"
    speeds = {"a": 100, "b": 100} | {winner: 300}
    return [run for name, speed in speeds.items() for run in race_runs(name, times(speed, SIX), dataset=dataset)]


def test_two_settings_with_different_winners_get_a_clause_each(race_of, rounds):
    said = ask(race_of(one_setting(rounds, "a", 1000) + one_setting(rounds, "b", 100_000)))
    assert said.headline == (
        "a is 3.00× (3.00–3.00) as fast as b on planted, 1,000 ids; "
        "b is 3.00× (3.00–3.00) as fast as a on planted, 100,000 ids."
    )


def test_a_clause_names_the_whole_setting_where_the_data_alone_does_not_tell(race_of, rounds):
    runs = [*rounds("a", times(300, SIX)), *rounds("b", times(100, SIX))]
    runs += [*rounds("a", times(100, SIX), ranks=4), *rounds("b", times(300, SIX), ranks=4)]
    assert "as fast as b on census · 2 ranks; b is" in ask(race_of(runs)).headline


def test_wins_are_counted_where_many_settings_have_different_winners(race_of, rounds):
    winners = {1000: "a", 10_000: "a", 100_000: "b", 1_000_000: "b", 10_000_000: "b"}
    runs = [run for ids, winner in winners.items() for run in one_setting(rounds, winner, ids)]
    assert ask(race_of(runs)).headline == "b is the fastest in 3 of 5 settings, a in 2, 3.00× as fast as the next."


def test_the_rival_is_another_strategy_not_another_option_of_the_same(race_of, rounds):
    runs = rounds("a", times(200, SIX), options={"mode": "x"}) + rounds("a", times(190, SIX), options={"mode": "y"})
    said = ask(race_of(runs + rounds("b", times(100, SIX))))
    assert said.headline.startswith("a[mode=x] is 2.00× (2.00–2.00) as fast as b")
    assert any("a[mode=y]" in sentence for sentence in said.details)


def test_a_parity_failure_does_not_win_and_is_named(race_of, rounds):
    runs = rounds("wrong", times(900, SIX), parity="fail", parity_max=0.3)
    said = ask(race_of(runs + rounds("a", times(200, SIX)) + rounds("b", times(100, SIX))))
    assert said.headline.startswith("a is 2.00×")
    assert any("do not follow the reference: wrong" in sentence for sentence in said.details)


def test_a_single_case_claims_no_comparison(race_of, make_run):
    said = ask(race_of([make_run("a", examples_per_second=123_456.0)]))
    assert said.headline == "a trains 123 k examples/s. There is nothing to compare it with."


def test_a_run_without_a_finished_case_says_so_and_counts_the_failures(race_of, make_run):
    said = ask(race_of([make_run("a", status="crashed", examples_per_second=None, error="boom")]))
    assert said.headline == "No case finished that could be ranked."
    assert "Of 1 case: 1 crashed." in said.details


def flag(kind):
    return {"kind": kind, "text": "words"}


def test_flagged_cases_are_counted(race_of, rounds):
    said = ask(race_of(rounds("a", [200, 200], flagged=[flag("background_load")]) + rounds("b", [100, 100])))
    assert "2 of 4 cases ran on a machine that was busy with something else." in said.details


def test_only_background_load_is_called_so(race_of, rounds):
    ended = rounds("a", [200], flagged=[flag("unclean_exit"), flag("not_settled")])
    said = ask(race_of(ended + rounds("b", [100])))
    assert not any("busy" in sentence for sentence in said.details)
    assert "1 of 2 cases had a rank that did not exit cleanly." in said.details
    assert "1 of 2 cases had not settled when the clock started; raise warmup_steps." in said.details


def test_the_ceiling_is_quoted_when_it_was_measured(race_of, rounds, make_run):
    tower = make_run("local", kind="tower", case_id="tower", examples_per_second=400.0)
    said = ask(race_of([*rounds("a", [200, 200]), *rounds("b", [100, 100]), tower]))
    expected = "The entrant with the highest throughput reaches 50% of what the dense tower does alone."
    assert expected in said.details
