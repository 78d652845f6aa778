import pytest

from wideload.harness.cli.run_tables import runs_table
from wideload.harness.records.schema import Flag
from wideload.reports.findings.race import Race, throughput
from wideload.reports.findings.reaching import times_to

STARVED = [Flag.model_validate({"kind": "oversubscribed", "text": "4 compute threads on 2 cores"})]


def labels(race: Race) -> list[str]:
    return [entrant.label for entrant in race.entrants]


def test_an_option_shows_only_where_variants_of_a_strategy_differ_in_it(race_of, make_run):
    runs = [make_run("ps", options={"mode": mode, "wire": "fp32"}) for mode in ("sync", "async")]
    assert labels(race_of([*runs, make_run("horovod", options={"fused": True})])) == [
        "ps[mode=sync]",
        "ps[mode=async]",
        "horovod",
    ]


def test_data_sets_that_differ_in_vocabulary_are_labelled_by_it_and_ordered_by_its_size(race_of, make_run):
    runs = [make_run(dataset=f"planted[slots=26,vocabulary={size}]") for size in (100_000, 1_000_000, 2_000)]
    assert [setting.data_label for setting in race_of(runs).settings] == [
        "planted, 2,000 ids",
        "planted, 100,000 ids",
        "planted, 1,000,000 ids",
    ]


def test_cases_of_different_workloads_are_never_compared(race_of, make_run):
    race = race_of(
        [make_run("a", fingerprints={"workload": "1" * 16}), make_run("b", fingerprints={"workload": "2" * 16})]
    )
    assert len(race.settings) == 2
    assert all(len(race.ranked(setting)) == 1 for setting in race.settings)


def test_a_shorter_reference_that_only_parity_needs_is_left_out_of_the_comparison(race_of, make_run):
    full = {"fingerprints": {"workload": "full", "problem": "same"}}
    short = make_run("local", case_id="short", fingerprints={"workload": "short", "problem": "same"})
    race = race_of([make_run("a", **full), make_run("b", **full), short])
    assert labels(race) == ["a", "b"]
    assert len(race.settings) == 1


def test_the_fastest_ranks_first(race_of, rounds):
    race = race_of(rounds("slow", [1, 1]) + rounds("fast", [3, 3]) + rounds("middle", [2, 2]))
    assert [group.entrant.label for group in race.ranked(race.settings[0])] == ["fast", "middle", "slow"]


@pytest.mark.parametrize("status", ["failed", "timeout", "crashed", "refused"])
def test_a_case_that_did_not_finish_is_not_ranked_and_keeps_its_reason(race_of, make_run, status):
    race = race_of([make_run("a", status=status, error="the reason\nand more")])
    assert str(race.groups[0].unranked) == f"{status}: the reason"
    assert not race.ranked(race.settings[0])


def test_a_group_with_one_good_repeat_is_still_ranked(race_of, make_run):
    race = race_of([make_run("a", round=1), make_run("a", round=2, status="crashed", examples_per_second=None)])
    assert race.groups[0].unranked is None
    assert len(race.groups[0].values(throughput)) == 1


def test_a_failed_check_unranks_the_cases_it_was_made_for(race_of, make_run, make_check):
    checks = [make_check("b", verdict="fail", max_relative=0.2)]
    race = race_of([make_run("a", parity=None), make_run("b", parity=None)], checks=checks)
    assert [group.unranked is None for group in race.groups] == [True, False]


def test_a_failed_check_of_another_data_set_unranks_nothing(race_of, make_run, make_check):
    race = race_of([make_run("b", parity=None)], checks=[make_check("b", dataset="other", verdict="fail")])
    assert race.groups[0].unranked is None


def test_memory_is_proportional_where_every_case_has_it_and_resident_otherwise(race_of, make_run):
    with_pss = race_of([make_run("a", peak_pss_bytes=5), make_run("b", peak_pss_bytes=7)])
    assert with_pss.memory.name == "peak PSS, all ranks"
    assert with_pss.groups[0].middle(with_pss.memory.of) == 5
    without = race_of(
        [make_run("a", peak_pss_bytes=None, peak_rss_bytes=10_000_000), make_run("b", peak_pss_bytes=7)], name="b"
    )
    assert without.memory.name == "peak RSS, all ranks"
    assert without.groups[0].middle(without.memory.of) == 10_000_000 + 9_000_000


def test_a_data_set_name_that_is_no_spec_is_shown_as_it_is(race_of, make_run):
    assert race_of([make_run(dataset="a[b[[")]).settings[0].data_label == "a[b[["


def test_a_strategy_has_the_same_place_in_every_report(race_of, make_run):
    alone = race_of([make_run("horovod"), make_run("plug_in")], name="one")
    crowd = race_of([make_run(name) for name in ("sparse_ps", "plug_in", "local", "horovod")], name="two")
    placed = [{entrant.strategy: entrant.place for entrant in race.entrants} for race in (alone, crowd)]
    assert placed[0].items() <= placed[1].items()
    assert len(set(placed[1].values())) == 4


def test_the_options_of_a_strategy_give_it_variants(race_of, make_run):
    runs = [make_run("ps", options={"mode": mode}) for mode in ("async", "sync")] + [make_run("ps"), make_run("other")]
    race = race_of(runs)
    assert [(entrant.strategy, entrant.variant) for entrant in race.entrants] == [
        ("ps", 1),
        ("ps", 2),
        ("ps", 0),
        ("other", 0),
    ]
    assert len({entrant.place for entrant in race.entrants}) == 2


def test_settings_that_differ_in_batch_size_alone_are_told_apart_in_every_label(race_of, make_run):
    race = race_of([make_run(batch_size=size) for size in (512, 2048)])
    assert [setting.label for setting in race.settings] == [
        "census · 2 ranks · batch 512",
        "census · 2 ranks · batch 2,048",
    ]
    assert [setting.short_label for setting in race.settings] == ["census · batch 512", "census · batch 2,048"]


def test_a_ceiling_without_its_cores_bounds_nothing(race_of, make_run):
    ceilings = [
        make_run("local", kind="tower", case_id="free", examples_per_second=300.0),
        make_run("local", kind="tower", case_id="starved", examples_per_second=30.0, flagged=STARVED),
    ]
    race = race_of([make_run("ps", examples_per_second=150.0), *ceilings])
    assert race.ceiling(race.settings[0]) == 300.0
    table, *_ = runs_table(race.results.runs)
    assert [str(cell) for cell in table.columns[-1].cells] == ["50", "–", "–"]


def test_a_case_without_its_cores_has_no_time_to_an_auc(race_of, make_run):
    race = race_of([make_run("ps", round=1), make_run("ps", round=2, flagged=STARVED)])
    (group,) = race.groups
    assert len(times_to(race, group, 0.8)) == 1
