"""How long a page takes to write and to open. Run alone on an idle machine: ``nox -s bench`` or

``pytest tests/reports/bench_report.py --benchmark-only``. Nothing is asserted: timings belong to a machine.
"""

import os
import shutil

import pytest

from wideload.reports.render import render

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


@pytest.mark.browser
@pytest.mark.parametrize("cases", [200, 2000])
def test_opening_a_page_to_its_first_figure(cases, benchmark, make_run, write_folder, tmp_path):
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    page_file = tmp_path / "page.html"
    render(run_of(cases, make_run, write_folder), page_file)
    with sync_api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def open_page():
            page = browser.new_page()
            page.goto(page_file.as_uri())
            page.wait_for_selector("[data-figure=throughput] .main-svg .points path")
            page.close()

        benchmark.extra_info["cases"] = cases
        benchmark.pedantic(open_page, rounds=5, warmup_rounds=1)
        browser.close()
