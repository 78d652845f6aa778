"""How long a page takes to write, to open and to answer a click. Run alone on an idle machine: ``nox -s bench`` or

``pytest tests/reports/bench_report.py --benchmark-only``. Nothing is asserted: timings belong to a machine.
"""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from wideload.reports.html.render import render

CHROMIUM = os.environ.get("WIDELOAD_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def run_of(cases, make_run, write_folder):
    """That many cases: four strategies, five rank counts, two rounds, and as many vocabularies as it takes."""
    runs = [
        make_run(strategy, dataset=f"planted[vocabulary={1000 * size}]", ranks=ranks, round=at)
        for at in (1, 2)
        for size in range(1, cases // 40 + 1)
        for ranks in (1, 2, 4, 8, 16)
        for strategy in ("local", "sparse_ps", "horovod", "multi_worker_mirrored")
    ]
    assert len(runs) == cases
    return write_folder(runs, curve_points=20)


@pytest.mark.parametrize("cases", [200, 2000])
def test_writing_a_page(cases, benchmark, make_run, write_folder, tmp_path):
    run = run_of(cases, make_run, write_folder)
    benchmark.extra_info["cases"] = cases
    benchmark.pedantic(render, args=(run, tmp_path / "page.html"), rounds=3, warmup_rounds=1)


@pytest.fixture
def browser():
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[200, 2000])
def page_of(request, browser, benchmark, make_run, write_folder, tmp_path):
    """A browser, and the address of a page of so many cases."""
    benchmark.extra_info["cases"] = request.param
    file = tmp_path / "page.html"
    render(run_of(request.param, make_run, write_folder), file)
    benchmark.extra_info["megabytes"] = round(file.stat().st_size / 1e6, 2)
    return browser, file.as_uri()


FIRST_POINT = "[data-figure=throughput] .main-svg .points path"


@pytest.mark.browser
def test_opening_a_page_to_its_first_figure(page_of, benchmark):
    browser, address = page_of
    opened = []

    def new_page():
        while opened:
            opened.pop().close()
        opened.append(browser.new_page())

    def open_page():
        opened[0].goto(address)
        opened[0].wait_for_selector(FIRST_POINT)

    benchmark.pedantic(open_page, setup=new_page, rounds=7, warmup_rounds=1)


@pytest.mark.browser
@pytest.mark.parametrize("what", ["filter", "sort", "drawer"])
def test_an_interaction_until_the_browser_has_painted(what, page_of, benchmark):
    """A click, and the second frame after it: figures and the table of cases are drawn by then."""
    browser, address = page_of
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector(FIRST_POINT)
    page.locator("[data-figure=throughput]").scroll_into_view_if_needed()
    target = {"filter": "[name=ranks]", "sort": "#case-table .sort", "drawer": "#case-table tbody button"}[what]
    click = f"""() => new Promise((painted) => {{
        document.querySelector("dialog[open]")?.close();
        document.querySelector({target!r}).click();
        requestAnimationFrame(() => requestAnimationFrame(painted));
    }})"""
    benchmark.pedantic(page.evaluate, args=(click,), rounds=9, warmup_rounds=2)
