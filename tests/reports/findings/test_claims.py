"""Verdicts on claims, and how often chance alone gives a wrong one. No number here was measured."""

import numpy as np
import pytest

from wideload.harness.records.results import Results, RunRecord
from wideload.harness.records.schema import Flag
from wideload.reports.findings.claims import Kind, Verdict, judge, other_machine, summary

NOISE = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0]
SPEED = {"local": 100.0, "ps": 200.0, "horovod": 150.0}


@pytest.fixture
def run_of(write_folder, rounds):
    """A run: the throughput of each strategy, by round."""

    def write(name, speeds, environment=None, **changes):
        runs = [run for strategy, values in speeds.items() for run in rounds(strategy, values, **changes)]
        return Results.read(write_folder(runs, name, environment=environment or {"cpu": "a", "cores": 2}))

    return write


def speeds(noise=NOISE, **factors):
    return {name: [speed * factors.get(name, 1.0) * each for each in noise] for name, speed in SPEED.items()}


def verdicts(findings, kind):
    return {finding.entrant: finding.verdict for finding in findings if finding.kind is kind}


def test_a_run_bears_itself_out(run_of):
    run = run_of("a", speeds())
    findings = judge(run, run)
    assert {finding.verdict for finding in findings} == {Verdict.REPRODUCED}
    assert {finding.kind for finding in findings} == set(Kind)
    assert summary(findings) == "Of 14 claims: 14 reproduced within the interval."


def test_a_strategy_that_is_slower_than_claimed_is_found_by_its_ratio_and_by_its_rate(run_of):
    slowed = judge(run_of("a", speeds(ps=1.5)), run_of("b", speeds(NOISE[::-1])))
    assert verdicts(slowed, Kind.RATIO) == {"ps": Verdict.NOT_REPRODUCED, "horovod": Verdict.REPRODUCED}
    assert verdicts(slowed, Kind.RATE)["ps"] is Verdict.NOT_REPRODUCED
    (ratio,) = [each for each in slowed if each.kind is Kind.RATIO and each.entrant == "ps"]
    assert (ratio.claimed, ratio.here, ratio.subject) == ("3.00×", "2.00×", "as fast as local")
    assert ratio.change.median == pytest.approx(1 / 1.5)


def test_a_machine_that_is_slower_today_changes_no_ratio(run_of):
    findings = judge(run_of("a", speeds()), run_of("b", {name: [0.9 * x for x in v] for name, v in speeds().items()}))
    assert {finding.verdict for finding in findings} == {Verdict.REPRODUCED}


def test_ratios_are_comparable_across_machines_and_rates_are_not(run_of):
    findings = judge(run_of("a", speeds()), run_of("b", speeds(), {"cpu": "b", "cores": 2}))
    assert set(verdicts(findings, Kind.RATIO).values()) == {Verdict.REPRODUCED}
    assert {finding.reason for finding in findings if finding.kind is Kind.RATE} == {
        "the processor is another: a there, b here"
    }


@pytest.mark.parametrize("key", ["cpu", "cores", "cpu_quota"])
def test_machines_differ_in_what_decides_their_speed(key):
    assert other_machine({key: 1}, {key: 2}).endswith("is another: 1 there, 2 here")
    assert other_machine({"host": "a"}, {"host": "b"}) == ""


def test_a_few_rounds_decide_nothing_about_speed(run_of):
    findings = judge(run_of("a", speeds()), run_of("b", speeds(NOISE[:2])))
    assert set(verdicts(findings, Kind.RATIO).values()) == {Verdict.INCOMPARABLE}
    assert findings[0].reason == "an interval needs 6 rounds: the run has 6, here there are 2"
    assert set(verdicts(findings, Kind.AUC).values()) == {Verdict.REPRODUCED}


def test_rounds_that_scatter_beyond_measure_confirm_nothing(run_of):
    wild = {"local": [100.0] * 6, "ps": [100.0, 300.0, 150.0, 280.0, 120.0, 250.0]}
    findings = judge(run_of("a", wild), run_of("b", wild))
    assert [(each.verdict, each.reason) for each in findings if each.kind is Kind.RATIO] == [
        (Verdict.INCOMPARABLE, "the rounds scatter too much")
    ]


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"status": "refused", "error": "not installed"}, Verdict.INCOMPARABLE, "refused here: not installed"),
        ({"status": "crashed", "cause": "out_of_memory"}, Verdict.INCOMPARABLE, "crashed here: None"),
        ({"status": "failed", "error": "wrong"}, Verdict.NOT_REPRODUCED, "failed here: wrong"),
        ({"fingerprints": {"workload": "w", "columns": "x"}}, Verdict.INCOMPARABLE, "the columns of the cases differ"),
    ],
)
def test_what_did_not_run_here_is_told_from_what_failed_here(run_of, changes, verdict, reason):
    same = {"fingerprints": {"workload": "w", "columns": "c"}}
    findings = judge(run_of("a", {"ps": NOISE}, **same), run_of("b", {"ps": NOISE}, **(same | changes)))
    assert {(finding.verdict, finding.reason) for finding in findings} == {(verdict, reason)}


def test_what_was_not_run_here_cannot_be_compared(run_of):
    findings = judge(run_of("a", {"ps": NOISE}), run_of("b", {"local": NOISE}))
    assert {(each.verdict, each.reason) for each in findings} == {(Verdict.INCOMPARABLE, "it was not run here")}


def test_too_few_cores_here_leave_speed_open_and_not_the_auc(run_of):
    flagged = [Flag.model_validate({"kind": "oversubscribed", "text": "4 compute threads on 2 cores"})]
    findings = judge(run_of("a", speeds()), run_of("b", speeds(), flagged=flagged))
    assert {each.reason for each in findings if each.kind is Kind.RATIO} == {
        "not ranked here: 4 compute threads on 2 cores"
    }
    assert set(verdicts(findings, Kind.AUC).values()) == {Verdict.REPRODUCED}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(Kind.AUC, {"auc": 0.8}), (Kind.MEMORY, {"peak_pss_bytes": 10**9}), (Kind.PARITY, {"parity": "fail"})],
)
def test_other_figures_have_tolerances_of_their_own(run_of, kind, changes):
    findings = judge(run_of("a", {"ps": NOISE}), run_of("b", {"ps": NOISE}, **changes))
    assert verdicts(findings, kind) == {"ps": Verdict.NOT_REPRODUCED}


BUSY = [Flag.model_validate({"kind": "background_load", "text": "background CPU load: 1.50 cores"})]


def disturbed(run, rounds):
    """The same run, of whose first rounds other programs took a part."""
    lines = (run.path / "runs.jsonl").read_text().splitlines()
    records = [RunRecord.model_validate_json(line) for line in lines]
    changed = [
        each.model_copy(update={"flagged": BUSY, "examples_per_second": 1.0}) if each.repeat <= rounds else each
        for each in records
    ]
    (run.path / "runs.jsonl").write_text("".join(f"{each.model_dump_json()}\n" for each in changed))
    return Results.read(run.path)


def test_rounds_during_which_other_programs_ran_are_left_out(run_of):
    findings = judge(run_of("a", speeds()), disturbed(run_of("b", speeds([1.0, *NOISE])), 1))
    assert set(verdicts(findings, Kind.RATIO).values()) == {Verdict.REPRODUCED}
    assert set(verdicts(findings, Kind.RATE).values()) == {Verdict.REPRODUCED}


def test_speed_is_not_compared_when_too_few_undisturbed_rounds_are_left(run_of):
    findings = judge(run_of("a", speeds()), disturbed(run_of("b", speeds()), 2))
    assert {(each.verdict, each.reason) for each in findings if each.kind in (Kind.RATIO, Kind.RATE)} == {
        (Verdict.INCOMPARABLE, "other programs ran here during 2 of 6 rounds")
    }


def test_memory_is_not_compared_when_other_programs_may_have_shared_it(run_of):
    findings = judge(run_of("a", {"ps": NOISE}), run_of("b", {"ps": NOISE}, flagged=BUSY, peak_pss_bytes=10**9))
    assert verdicts(findings, Kind.MEMORY) == {"ps": Verdict.INCOMPARABLE}


def test_the_baseline_is_what_ratios_are_quoted_against(run_of, tmp_path):
    run = run_of("a", speeds())
    (run.path / "experiment.toml").write_text('baseline = "horovod"\n')
    findings = judge(Results.read(run.path), run)
    assert {each.subject for each in findings if each.kind is Kind.RATIO} == {"as fast as horovod"}


def drawn(random, rounds, slow=1.0):
    """Throughputs of seven strategies, each with a scatter of 1.5 %; the machine slows or speeds a whole round."""
    weather = random.lognormal(0, 0.1, rounds)
    factors = {number: slow if number == 1 else 1.0 for number in range(7)}
    return {
        f"s{number}": list(factor * weather * random.lognormal(0, 0.015, rounds)) for number, factor in factors.items()
    }


@pytest.mark.parametrize(
    ("number", "slow", "least", "most"),
    [(6, 1.0, 0, 10), (12, 1.0, 0, 10), (12, 1 / 1.05, 90, 100)],
    ids=["6 rounds, the same", "12 rounds, the same", "12 rounds, 5 % slower"],
)
def test_noise_refutes_few_true_reports_and_hides_few_slowdowns(run_of, number, slow, least, most):
    """Of 100 verifications of six ratios each: how many find one that is not reproduced."""
    random = np.random.default_rng(1)
    bare = {"auc": None, "parity": None, "peak_pss_bytes": None}
    refuted = 0
    for trial in range(100):
        there = run_of(f"there{trial}", drawn(random, number), **bare)
        here = run_of(f"here{trial}", drawn(random, number, slow), **bare)
        refuted += Verdict.NOT_REPRODUCED in verdicts(judge(there, here), Kind.RATIO).values()
    assert least <= refuted <= most
