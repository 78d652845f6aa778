"""Standings and the convergence gate over made-up curves. No number here was measured."""

import numpy as np
import pytest

from wideload.errors import UsageError
from wideload.harness.records.results import CurvePoint, Results
from wideload.harness.records.schema import Flag
from wideload.reports.findings.time_to_quality import Convergence, TimeToQuality

TARGET = 0.9
STARVED = [Flag.model_validate({"kind": "oversubscribed", "text": "4 compute threads on 2 cores"})]


def curve(run, examples, rate):
    """Rises straight to the target at so many examples, and beyond; an evaluation takes 2 s."""
    points = [(share, TARGET - 0.1 * (1 - share)) for share in (0.5, 0.9, 1.1, 1.5)]
    return [
        CurvePoint(
            case_id=run.case_id,
            step=place,
            examples=round(share * examples),
            seconds=share * examples / rate,
            evaluation_seconds=2.0 * place,
            auc=auc,
            logloss=0.5,
        )
        for place, (share, auc) in enumerate(points, start=1)
    ]


@pytest.fixture
def race_to(write_folder, make_run):
    """``race_to(local=[1000, ...], ...)``: examples to the target of every seed; None: never."""

    def race(changes=None, target=TARGET, rates=None, **contestants):
        runs = {}
        for strategy, finishes in contestants.items():
            for seed, examples in enumerate(finishes):
                run = make_run(
                    strategy, round=0, seed=seed, case_id=f"{strategy}-{seed}", **(changes or {}).get(strategy, {})
                )
                runs[run.case_id] = (run, examples or 1000, (rates or {}).get(strategy, 100.0))
        folder = write_folder([run for run, _, _ in runs.values()], "race", curve_points=0)
        for run, examples, rate in runs.values():
            missed = contestants[run.strategy][run.seed] is None
            points = curve(run, examples, rate)[: 2 if missed else None]
            text = "".join(f"{point.model_dump_json()}\n" for point in points)
            (folder / "curves" / f"{run.case_id}.jsonl").write_text(text)
        return TimeToQuality.of(Results.read(folder), target)

    return race


SEEDS = [1000, 1010, 990, 1020, 980, 1000, 1005, 995, 1015, 985]


def gates(race):
    return {standing.label: standing.gate.convergence for heat in race.heats for standing in heat.standings}


def test_a_strategy_that_needs_other_numbers_of_examples_is_marked(race_to):
    race = race_to(
        local=SEEDS,
        sync=SEEDS[::-1],
        hasty=[0.8 * each for each in SEEDS],
        stale=[1.1 * each for each in SEEDS],
    )
    assert gates(race) == {
        "local": Convergence.REFERENCE,
        "sync": Convergence.SAME,
        "hasty": Convergence.FEWER,
        "stale": Convergence.MORE,
    }
    assert race.details[0].startswith("hasty: fewer examples than the reference: \u221220.0 % (\u2212")


def test_the_fastest_to_the_target_is_named_and_its_convergence_with_it(race_to):
    race = race_to(local=SEEDS, hasty=[0.8 * each for each in SEEDS])
    assert race.headline == ("hasty (fewer examples than the reference) took 8.00 s to AUC 0.9, local 10.0 s.")


def test_a_lead_within_the_scatter_of_the_seeds_is_called_too_close(race_to):
    race = race_to(local=SEEDS, sync=[each + 1 for each in SEEDS])
    assert race.headline == "local and sync are too close to call: 10.0 s and 10.0 s to AUC 0.9."


def test_throughput_that_is_lost_to_more_examples_does_not_win(race_to):
    race = race_to(local=SEEDS, fast=[2 * each for each in SEEDS], rates={"fast": 150.0})
    assert race.headline.startswith("local took 10.0 s")


def test_training_time_and_the_clock_that_never_stops_are_both_known(race_to):
    (standing,) = race_to(local=SEEDS).heats[0].standings
    assert standing.seconds.mean == pytest.approx(10.0)
    assert standing.clock_seconds.mean == pytest.approx(11.0 + 3 * 2.0)  # the third evaluation found it reached
    assert standing.examples.mean == pytest.approx(1000)


def test_one_seed_that_misses_the_target_is_left_out_and_two_are_too_many(race_to):
    race = race_to(local=SEEDS, one=[None, *SEEDS[1:]], two=[None, None, *SEEDS[2:]])
    assert gates(race) == {
        "local": Convergence.REFERENCE,
        "one": Convergence.SAME,
        "two": Convergence.NOT_REACHED,
    }
    assert {each.label: each.reached for each in race.heats[0].standings} == {"local": 10, "one": 9, "two": 8}


def test_a_reference_that_misses_the_target_judges_nobody(race_to):
    assert gates(race_to(local=[None] * 5, sync=SEEDS[:5]))["sync"] is Convergence.UNKNOWN


def test_a_few_seeds_judge_nobody(race_to):
    race = race_to(local=SEEDS[:4], sync=SEEDS[:4])
    assert gates(race)["sync"] is Convergence.UNKNOWN
    assert race.headline == "Nobody can be timed to AUC 0.9."


def test_runs_without_their_cores_converge_and_are_not_timed(race_to):
    race = race_to({"slow": {"flagged": STARVED}}, local=SEEDS, slow=SEEDS)
    slow = race.heats[0].standings[-1]
    assert (slow.label, slow.seconds, slow.gate.convergence) == ("slow", None, Convergence.SAME)


def test_a_case_that_failed_did_not_reach_the_target(race_to):
    race = race_to({"bad": {"status": "failed"}}, local=SEEDS, bad=SEEDS)
    assert gates(race)["bad"] is Convergence.NOT_REACHED


def test_seeds_of_one_workload_are_one_heat_and_other_workloads_another(race_to, write_folder, make_run):
    runs = [
        make_run(
            seed=seed, case_id=f"{unseeded}{seed}", fingerprints={"workload": f"{unseeded}{seed}", "unseeded": unseeded}
        )
        for unseeded in "ab"
        for seed in range(3)
    ]
    race = TimeToQuality.of(Results.read(write_folder(runs)), TARGET)
    assert [len(heat.standings[0].finishes) for heat in race.heats] == [3, 3]


def test_records_without_seeds_are_refused(write_folder, make_run):
    with pytest.raises(UsageError, match="no case of a known seed"):
        TimeToQuality.of(Results.read(write_folder([make_run()])), TARGET)


@pytest.mark.parametrize(("factor", "least", "most"), [(1.0, 0, 10), (1.12, 90, 100)], ids=["the same", "12 % more"])
def test_chance_marks_few_and_hides_few(race_to, factor, least, most):
    """Of 100 races of four contestants over ten seeds that scatter by 5 %: how many mark one."""
    random = np.random.default_rng(4)
    marked = 0
    for _ in range(100):
        finishes = {f"s{number}": 1000 * random.normal(1, 0.05, 10) for number in range(4)}
        race = race_to(**finishes | {"s3": factor * finishes["s3"]})
        marked += any(gate in (Convergence.FEWER, Convergence.MORE) for gate in gates(race).values())
    assert least <= marked <= most
