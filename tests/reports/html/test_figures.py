import math

import pytest

from wideload.reports.findings.race import Race
from wideload.reports.html import figures, palette
from wideload.reports.html.figures import memory, pareto, quality, scaling, steps, throughput, traffic
from wideload.reports.html.figures.figure import Figure, Omitted

PLANTED = "planted[vocabulary=1000]"


def built(race: Race) -> dict[str, Figure]:
    return {figure.id: figure for _, made, _ in figures.build(race) for figure in made}


def traces(figure: Figure) -> list[dict]:
    return figure.as_json()["data"]


def test_every_figure_of_the_demo_has_points(demo, race_of):
    from wideload.harness.records.results import Results

    made = built(Race.of(Results.read(demo)))
    assert len(made) == sum(len(builders) for _, builders in figures.SECTIONS)
    for figure in made.values():
        assert all(len(trace["x"]) == len(trace["y"]) > 0 for trace in traces(figure)), figure.id


def test_axes_are_titled(demo):
    from wideload.harness.records.results import Results

    for figure in built(Race.of(Results.read(demo))).values():
        layout = figure.as_json()["layout"]
        assert layout["xaxis"]["title"]["text"], figure.id
        assert figure.rows or layout["yaxis"]["title"]["text"], figure.id


def test_a_figure_without_data_says_what_would_produce_it(race_of, make_run):
    race = race_of([make_run("a", step_ms={}, phases_ms={}, model_bytes={}, counters={})], curve_points=0)
    missing = [each for _, _, omitted in figures.build(race) for each in omitted]
    assert {each.title for each in missing} >= {"Phases of a step", "Step time", "AUC over time", "Staleness of pushes"}
    assert all(each.needs for each in missing)


def test_throughput_is_the_median_and_the_ceiling_stands_next_to_it(race_of, rounds, make_run):
    tower = make_run("local", kind="tower", case_id="tower", examples_per_second=500.0)
    figure = throughput.absolute(race_of([*rounds("a", [100, 300, 200]), tower]))
    points, ceiling = traces(figure)
    assert (points["x"], points["error_x"]["array"], points["error_x"]["arrayminus"]) == ([200], [100], [100])
    assert ceiling["x"] == [500]


def test_what_is_not_ranked_is_drawn_apart_and_muted(race_of, rounds, make_run):
    runs = [
        *rounds("a", [100]),
        *rounds("wrong", [900], parity="fail"),
        make_run("dead", status="crashed", examples_per_second=None),
    ]
    race = race_of(runs)
    drawn = traces(throughput.absolute(race))
    assert [trace["meta"]["ink"] for trace in drawn] == [palette.entrant_ink(race.entrants[0]), "muted", "muted"]
    assert drawn[2]["name"] == "did not finish"


def test_relative_throughput_is_paired_by_round(race_of, rounds):
    figure = throughput.relative(race_of(rounds("base", [100, 200, 400]) + rounds("other", [300, 400, 400])))
    assert [trace["x"] for trace in traces(figure)] == [[2.0]]


def test_framework_memory_is_what_the_strategy_does_not_account_for(race_of, make_run):
    race = race_of([make_run("a", peak_pss_bytes=1000, model_bytes={"weights": 300, "buffers": 100})])
    assert {trace["name"]: trace["x"] for trace in traces(memory.by_owner(race))} == {
        "weights": [300],
        "buffers": [100],
        "framework": [600],
    }


def test_memory_below_what_is_accounted_for_has_no_negative_rest(race_of, make_run):
    race = race_of([make_run("a", peak_pss_bytes=100, model_bytes={"weights": 300})])
    assert [trace["name"] for trace in traces(memory.by_owner(race))] == ["weights"]


def test_the_target_auc_is_reached_by_everyone(race_of, rounds):
    race = race_of(rounds("a", [200], auc=0.9) + rounds("b", [100], auc=0.85))
    assert quality.target_auc(race, race.settings[0]) == pytest.approx(0.85)
    assert all(math.isfinite(x) for trace in traces(quality.time_to_target(race)) for x in trace["x"])


def test_the_best_possible_auc_is_drawn_where_it_is_known(race_of, make_run):
    figure = quality.over_time(race_of([make_run("a", dataset=PLANTED, best_auc=0.93)]))
    best = [trace for trace in traces(figure) if trace["meta"].get("across")]
    assert [trace["y"] for trace in best] == [[0.93, 0.93]]


def test_what_another_entrant_beats_in_both_is_off_the_front(race_of, rounds):
    runs = rounds("best", [300], peak_pss_bytes=10) + rounds("worse", [200], peak_pss_bytes=20)
    shapes = {trace["name"]: trace["marker"]["symbol"] for trace in traces(pareto.against_memory(race_of(runs)))}
    assert "-open" in shapes["worse"]
    assert "-open" not in shapes["best"]


def test_a_trade_off_keeps_both_on_the_front(race_of, rounds):
    runs = rounds("fast", [300], auc=0.8) + rounds("good", [200], auc=0.9)
    assert not any("-open" in trace["marker"]["symbol"] for trace in traces(pareto.against_auc(race_of(runs))))


def test_a_phase_that_a_strategy_does_not_know_is_missing_not_zero(race_of, make_run):
    race = race_of([make_run("a", phases_ms={"compute": 3.0}), make_run("b", phases_ms={"compute": 4.0, "pull": 1.0})])
    assert {trace["name"]: trace["x"] for trace in traces(steps.phases(race))} == {"pull": [1.0], "compute": [3.0, 4.0]}


def test_scaling_needs_two_rank_counts_of_one_data_set(race_of, make_run):
    assert isinstance(scaling.over_ranks(race_of([make_run(ranks=2)])), Omitted)
    line = traces(scaling.over_ranks(race_of([make_run(ranks=4), make_run(ranks=1)], name="two")))[0]
    assert line["x"] == [1, 4]


def test_the_crossover_needs_two_vocabularies(race_of, make_run):
    assert isinstance(scaling.over_vocabulary(race_of([make_run(dataset=PLANTED)])), Omitted)
    runs = [make_run(dataset=PLANTED), make_run(dataset="planted[vocabulary=5000]")]
    figure = scaling.over_vocabulary(race_of(runs, name="two"))
    assert traces(figure)[0]["x"] == [1000, 5000]
    assert figure.as_json()["layout"]["xaxis"]["type"] == "log"


def test_staleness_is_a_share_of_all_pushes(race_of, make_run):
    counters = {"staleness_0": 6.0, "staleness_2": 2.0, "staleness_10": 2.0, "staleness_limit": 5.0}
    bars = traces(traffic.staleness(race_of([make_run(counters=counters)])))[0]
    assert (bars["x"], bars["y"]) == ([0, 2, 10], [0.6, 0.2, 0.2])


def test_wire_bytes_are_per_example(race_of, make_run):
    figure = traffic.wire_bytes(race_of([make_run(counters={"wire_bytes": 1000.0}, examples=10)]))
    assert traces(figure)[0]["x"] == [100.0]
