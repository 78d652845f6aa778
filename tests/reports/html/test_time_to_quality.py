import re
from html import unescape

import pytest

from wideload.harness.records.results import CurvePoint, Results
from wideload.reports.findings.time_to_quality import TimeToQuality
from wideload.reports.html.time_to_quality import html
from wideload.reports.plain.time_to_quality import listed
from wideload.terminal import plain


@pytest.fixture
def race(write_folder, make_run):
    runs = [
        make_run(name, seed=seed, case_id=f"{place}-{seed}")
        for place, name in enumerate(("local", "<ps>"))
        for seed in range(6)
    ]
    folder = write_folder(runs, curve_points=0)
    for run in runs:
        auc = 0.6 if (run.strategy, run.seed) == ("local", 0) else 0.95
        point = CurvePoint(
            case_id=run.case_id,
            step=1,
            examples=1000 + run.seed,
            seconds=10 + run.seed,
            evaluation_seconds=1,
            auc=auc,
            logloss=1,
        )
        (folder / "curves" / f"{run.case_id}.jsonl").write_text(point.model_dump_json() + "\n")
    return TimeToQuality.of(Results.read(folder), 0.9)


def test_every_seed_that_came_in_is_a_dot_in_each_of_three_drawings(race):
    page = html(race)
    assert page.count("<svg") == 3
    assert page.count("<circle") == 3 * (5 + 6)
    assert page.count("1 missed") == 3


def test_everything_drawn_lies_within_the_drawing(race):
    places = [float(each) for each in re.findall(r' (?:cx|x|x1|x2)="([\d.]+)"', html(race))]
    assert all(0 <= each <= 1000 for each in places)


def test_the_page_runs_nothing_and_escapes_names(race):
    page = html(race)
    assert "script-src 'none'" in unescape(page)
    assert "<script" not in page
    assert "<ps>" not in page


def test_terminal_and_page_say_the_same(race):
    lines = plain(*listed(race)).splitlines()
    assert lines[0] == race.headline
    assert race.headline in unescape(html(race))
    assert any("5 of 6" in line for line in lines)


def test_plain_data_has_every_seed(race):
    (heat,) = race.as_json()["heats"]
    local = next(each for each in heat["standings"] if each["entrant"] == "local")
    assert [len(local["seeds"]), local["reached"]] == [6, 5]
    assert local["seeds"][0] == {"seed": 0, "starved": False}
    assert local["seeds"][1] == {"seed": 1, "starved": False, "examples": 1001, "seconds": 11, "clock_seconds": 12}
