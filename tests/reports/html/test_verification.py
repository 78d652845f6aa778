import re
from html import unescape

import pytest

from wideload.harness.records.results import Results
from wideload.reports.findings.verification import Verification
from wideload.reports.html.verification import html
from wideload.reports.plain.verification import listed
from wideload.terminal import plain

NOISE = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0]


@pytest.fixture
def verification(write_folder, rounds):
    def run(name, speed, noise, packages, **environment):
        runs = rounds("local", [100 * each for each in NOISE]) + rounds("<ps>", [speed * each for each in noise])
        folder = write_folder(runs, name, environment={"cpu": "a", "cores": 2, **environment})
        (folder / "packages.txt").write_text(packages)
        return Results.read(folder)

    there = run("a", 300, NOISE, "numpy==1.0\npandas==2.0\n", host="x")
    return Verification.of(
        "study", there, run("b", 200, NOISE[::-1], "numpy==2.0\npandas==2.0\n", host="x", extra=True)
    )


def test_the_page_says_of_every_claim_what_became_of_it(verification):
    page = html(verification)
    assert f'<h1 id="headline">{verification.headline}</h1>' in page
    assert len(re.findall('<span class="verdict', page)) == len(verification.findings) == 9
    assert len(re.findall('<span class="verdict failed">not reproduced</span>', page)) == 2


def test_the_page_runs_nothing_and_loads_nothing(verification):
    page = html(verification)
    assert "script-src 'none'" in unescape(page)
    assert "<script" not in page
    assert "<ps>" not in page
    assert "&lt;ps&gt;" in page


def test_what_is_different_here_is_listed(verification):
    assert verification.differences == [("packages.numpy", "1.0", "2.0"), ("extra", "", "true")]
    assert "packages.numpy" in html(verification)


def test_the_terminal_says_the_same(verification):
    lines = plain(*listed(verification)).splitlines()
    assert lines[0] == verification.headline == "Of 9 claims: 7 reproduced within the interval, 2 not reproduced."
    assert lines[1].startswith("The bundle says: ")
    assert sum("not reproduced" in line for line in lines[1:]) == 2


def test_a_verification_passes_when_something_holds_and_nothing_does_not(verification):
    again = verification.again.race.results
    assert not verification.passed
    assert Verification.of("b", again, again).passed
    assert not Verification("empty", verification.again, verification.again, ()).passed


def test_plain_data_has_every_claim_with_its_interval(verification):
    data = verification.as_json()
    (ratio,) = [claim for claim in data["claims"] if claim["kind"] == "ratio"]
    assert ratio["change"] == pytest.approx(2 / 3)
    assert ratio["low"] < ratio["change"] < ratio["high"] < 1
    assert (data["passed"], data["differences"][0]["here"]) == (False, "2.0")
