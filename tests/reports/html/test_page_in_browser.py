"""The page as people use it: headless Chromium, networking off."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from wideload.reports.html.render import render

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("WIDELOAD_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
APT = "apt-get install -y --no-install-recommends chromium"
ARTEFACTS = Path(__file__).parents[2] / "artefacts"
AXE = Path(__file__).parents[1] / "axe.min.js"


@pytest.fixture(scope="module")
def browser():
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"Chromium is missing: {APT}")
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Visit:
    """A page that is open, with everything that it should not have done."""

    def __init__(self, context, path):
        self.page = context.new_page()
        self.troubles, self.requests = [], []
        self.page.on(
            "console",
            lambda message: self.troubles.append(message.text) if message.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#case-table tbody tr")

    def scroll_through(self):
        """As a reader does, so that figures further down are drawn."""
        for box in self.page.locator("[data-figure]").all():
            box.scroll_into_view_if_needed()
        self.page.wait_for_function("!document.querySelector('[data-figure][data-stale]')")

    def shot(self, name):
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=ARTEFACTS / f"report-{name}.png", full_page=True)

    def points(self):
        return {
            box.get_attribute("data-figure"): int(box.get_attribute("data-points"))
            for box in self.page.locator("[data-figure]").all()
        }

    def cases(self):
        return self.page.locator("#case-table tbody tr").count()

    def address_is(self, hash_):
        """Waits: closing a drawer, say, is an event that the browser delivers later."""
        self.page.wait_for_function("hash => location.hash === hash", arg=hash_)


@pytest.fixture
def visit(browser, tmp_path):
    """``visit(run, **render arguments)`` renders and opens; afterwards nothing may have gone wrong or out."""
    opened = []

    def open_page(run, *, scheme="light", width=1280, hash_="", **arguments):
        file = tmp_path / f"page{len(opened)}.html"
        render(run, file, **arguments)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        opened.append((Visit(context, file) if not hash_ else Visit(context, Linked(file, hash_)), context))
        return opened[-1][0]

    yield open_page
    for visited, context in opened:
        context.close()
        assert visited.troubles == []
        assert [url for url in visited.requests if not url.startswith(("file:", "data:", "blob:"))] == []


class Linked:
    """A file with a hash behind it."""

    def __init__(self, file, hash_):
        self.address = file.as_uri() + hash_

    def as_uri(self):
        return self.address


def test_every_figure_has_points_and_nothing_leaves_the_machine(demo, visit):
    opened = visit(demo)
    opened.scroll_through()
    points = opened.points()
    assert len(points) == 14
    assert all(points.values()), points
    drawn = opened.page.locator("[data-figure] .main-svg").count()
    assert drawn >= len(points)
    opened.shot("demo-light")


def test_no_button_of_the_plotting_library_is_left(demo, visit):
    opened = visit(demo)
    opened.scroll_through()
    assert opened.page.locator(".modebar, .modebar-btn").count() == 0
    assert opened.page.get_by_text(re.compile("chart studio|plotly cloud", re.IGNORECASE)).count() == 0


def test_a_filter_hides_cases_and_points_and_says_so_in_the_address(demo, visit):
    opened = visit(demo)
    opened.scroll_through()
    before, cases = opened.points(), opened.cases()
    opened.page.locator("[data-filter=strategy] .chip", has_text="horovod").click()
    opened.scroll_through()
    after = opened.points()
    assert after["throughput"] < before["throughput"]
    assert after["memory"] < before["memory"]
    assert opened.cases() == cases - 18
    opened.address_is("#strategy=0,1,3")
    opened.page.locator("#reset").click()
    opened.address_is("")
    assert opened.cases() == cases


def test_an_option_is_filtered_by_its_value_and_other_strategies_stay(demo, visit):
    opened = visit(demo)
    cases = opened.cases()
    opened.page.locator("[data-filter='option.mode'] .chip", has_text="default").click()
    opened.address_is("#option.mode=1")
    names = opened.page.locator("#case-table tbody th").all_inner_texts()
    assert set(names) == {"local", "sparse_ps[mode=async]", "horovod", "multi_worker_mirrored", "tower ceiling"}
    assert opened.cases() == cases - 18


def test_the_last_choice_of_a_filter_cannot_be_taken_away(demo, visit):
    opened = visit(demo)
    for chip in ("1", "2"):
        opened.page.locator("[data-filter=ranks] .chip", has_text=chip).click()
    assert opened.page.locator("[data-filter=ranks] input:checked").count() == 2


def test_filters_work_from_the_keyboard(demo, visit):
    opened = visit(demo)
    opened.page.locator("[data-filter=ranks] input").first.focus()
    opened.page.keyboard.press("Space")
    opened.address_is("#ranks=1")


def test_a_setting_of_the_decision_table_comes_into_focus(demo, visit):
    opened = visit(demo)
    opened.page.locator("[data-focus='0']").click()
    opened.address_is("#focus=0")
    expect(opened.page.locator("#focus")).to_have_value("0")
    expect(opened.page.locator("[data-figure=memory] [data-focus-label]")).to_have_text("census · 1 rank")


def test_the_focus_follows_a_filter_that_hides_it(demo, visit):
    opened = visit(demo)
    opened.page.locator("[data-filter=ranks] .chip", has_text="2").click()
    expect(opened.page.locator("#focus option:checked")).to_have_text(re.compile("1 rank$"))


def test_an_address_restores_filters_focus_theme_and_drawer(demo, visit, make_run):
    case = make_run("horovod").case_id
    opened = visit(demo, hash_=f"#strategy=1,2&focus=1&theme=dark&case={case}")
    assert opened.page.locator("[data-filter=strategy] input:checked").count() == 2
    assert opened.page.locator("html").get_attribute("data-theme") == "dark"
    expect(opened.page.locator("#drawer")).to_be_visible()
    assert opened.page.locator("#drawer dd", has_text=case).count() == 1


def test_a_row_opens_its_case_by_mouse_and_escape_closes_it(failing, visit):
    opened = visit(failing)
    opened.page.locator("#case-table tr", has_text="crashed").click()
    drawer = opened.page.locator("#drawer")
    expect(drawer).to_be_visible()
    words = drawer.inner_text()
    for expected in (
        "rank 1 was killed by SIGKILL",
        "Segmentation fault",
        "wideload run --strategy horovod",
        "abcdef0123456789",
        "SIGKILL",
    ):
        assert expected in words
    opened.page.screenshot(path=_artefact("drawer"))
    opened.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    opened.address_is("")


def _artefact(name):
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS / f"report-{name}.png"


def test_a_row_opens_its_case_from_the_keyboard_and_focus_comes_back(demo, visit):
    opened = visit(demo)
    button = opened.page.locator("#case-table tbody button").nth(2)
    button.focus()
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#drawer")).to_be_visible()
    opened.page.wait_for_function("document.getElementById('drawer').contains(document.activeElement)")
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("#drawer")).to_be_hidden()
    expect(button).to_be_focused()


def test_hovering_names_the_case_and_a_click_on_a_point_opens_it(demo, visit):
    opened = visit(demo)
    plot = opened.page.locator("[data-figure=throughput] .plot")
    plot.scroll_into_view_if_needed()
    point = plot.locator(".points path").first.bounding_box()
    opened.page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    opened.page.wait_for_selector("[data-figure=throughput] .hovertext")
    expect(plot.locator(".hovertext").first).to_contain_text("local")
    opened.page.mouse.down()
    opened.page.mouse.up()
    opened.page.wait_for_selector("#drawer[open]")
    expect(opened.page.locator("#drawer-title")).to_have_text("local")


def test_every_figure_can_be_read_as_a_table_from_the_keyboard(demo, visit):
    opened = visit(demo)
    for box in opened.page.locator("[data-figure]").all():
        box.locator("[data-action=table]").focus()
        opened.page.keyboard.press("Enter")
        expect(box.locator(".figure-table tbody tr").first).to_be_visible()


CLIPBOARDS = {
    "works": "{ writeText: async (text) => { window.clipboard = text; } }",
    "refuses": "{ writeText: () => Promise.reject(new DOMException('no', 'NotAllowedError')) }",
    "never answers": "{ writeText: () => new Promise(() => {}) }",
    "is missing": "undefined",
}


def with_clipboard(page, kind, *, old_way):
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {CLIPBOARDS[kind]} }})")
    page.evaluate(f"document.execCommand = () => {{ window.clipboard = String(getSelection()); return {old_way}; }}")
    page.locator("#case-table tbody tr").first.click()
    page.locator(".command button").click()
    return page.locator(".command button")


@pytest.mark.parametrize("kind", CLIPBOARDS)
def test_the_command_is_copied_whatever_the_clipboard_does(kind, demo, visit):
    page = visit(demo).page
    expect(with_clipboard(page, kind, old_way="true")).to_have_text("Copied")
    assert page.evaluate("window.clipboard").strip() == page.locator(".command pre").inner_text()


def test_a_command_that_cannot_be_copied_is_left_selected(demo, visit):
    page = visit(demo).page
    expect(with_clipboard(page, "refuses", old_way="false")).to_have_text("Selected: press Ctrl+C")
    assert page.evaluate("String(getSelection())").strip() == page.locator(".command pre").inner_text()


def test_the_browsers_own_clipboard_gets_an_answer_too(demo, visit):
    page = visit(demo).page
    page.locator("#case-table tbody tr").first.click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".command button")).to_have_text(re.compile("Copied|Selected"))


def test_the_table_of_cases_shows_the_recorded_numbers(demo, visit):
    import wideload

    opened = visit(demo)
    frame = wideload.load_results(demo).set_index("case_id")
    for row in opened.page.locator("#case-table tbody tr").all():
        for metric in ("examples_per_second", "auc", "logloss", "peak_rss_bytes"):
            shown = json.loads(row.locator(f"[data-field={metric}]").get_attribute("data-value"))
            recorded = frame.loc[row.get_attribute("data-case"), metric]
            assert shown == recorded or (shown is None and recorded != recorded)


def test_a_column_sorts_both_ways_and_leaves_unmeasured_cases_last(failing, visit):
    opened = visit(failing)
    head = opened.page.get_by_role("button", name="Examples/s")
    column = "#case-table tbody [data-field=examples_per_second]"
    for expected in ("descending", "ascending"):
        head.click()
        values = [json.loads(cell.get_attribute("data-value")) for cell in opened.page.locator(column).all()]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=expected == "descending")
        assert values[len(known) :] == [None] * 3
        assert opened.page.locator(f"th[aria-sort={expected}]").count() == 1


def test_rows_download_as_csv_and_json_as_filtered(demo, visit):
    opened = visit(demo)
    opened.page.locator("[data-filter=ranks] .chip", has_text="1").click()
    with opened.page.expect_download() as csv:
        opened.page.locator("#download-csv").click()
    with opened.page.expect_download() as rows:
        opened.page.locator("#download-json").click()
    listed = json.loads(Path(rows.value.path()).read_text(encoding="utf-8"))
    lines = Path(csv.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(listed) == len(lines) - 1 == opened.cases()
    assert {run["ranks"] for run in listed} == {2}
    assert lines[0].startswith("case_id,kind,attempt,strategy,")


def test_a_cell_that_a_spreadsheet_would_run_is_made_text(write_folder, make_run, visit):
    opened = visit(write_folder([make_run("=1+1"), make_run("-x", round=2)]))
    with opened.page.expect_download() as csv:
        opened.page.locator("#download-csv").click()
    text = Path(csv.value.path()).read_text(encoding="utf-8")
    assert ",'=1+1," in text
    assert ",'-x," in text


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_downloads_as_a_picture(demo, visit, kind, start):
    opened = visit(demo)
    with opened.page.expect_download() as picture:
        opened.page.locator(f"[data-figure=throughput] [data-action={kind}]").click()
    assert Path(picture.value.path()).read_bytes().startswith(start)
    assert picture.value.suggested_filename == f"demo-throughput.{kind}"


def test_every_figure_downloads_under_its_own_name_with_its_title(demo, visit):
    opened = visit(demo)
    for box in opened.page.locator("[data-figure]").all():
        with opened.page.expect_download() as picture:
            box.locator("[data-action=svg]").click()
        name = box.get_attribute("data-figure")
        assert picture.value.suggested_filename == f"demo-{name}.svg"
        drawn = Path(picture.value.path()).read_text(encoding="utf-8")
        assert box.get_by_role("heading").evaluate("heading => heading.firstChild.textContent.trim()") in drawn
        assert "<path" in drawn


def test_the_dark_theme_follows_the_system_and_the_button_overrides_it(demo, visit):
    opened = visit(demo, scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = opened.page.evaluate(background)
    ink = "getComputedStyle(document.querySelector('[data-figure=throughput] .xtick text')).fill"
    dark_ink = opened.page.evaluate(ink)
    opened.scroll_through()
    opened.shot("demo-dark")
    opened.page.locator("#theme").click()
    opened.address_is("#theme=light")
    assert opened.page.evaluate(background) != dark
    opened.page.locator("[data-figure=throughput]").scroll_into_view_if_needed()
    opened.page.wait_for_function(f"dark => {ink} !== dark", arg=dark_ink)


@pytest.mark.parametrize("run", ["demo", "failing", "single"])
def test_a_phone_scrolls_in_one_direction_only(run, request, visit):
    opened = visit(request.getfixturevalue(run), width=390)
    opened.scroll_through()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.shot(f"{run}-phone")


def test_paper_has_every_figure_on_light_ground(demo, visit):
    opened = visit(demo, scheme="dark")
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.page.wait_for_function("document.querySelectorAll('[data-figure] .main-svg').length >= 14")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 252)"
    assert not opened.page.locator(".figure-actions").first.is_visible()
    opened.shot("demo-print")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", ["demo", "failing"])
def test_axe_finds_no_serious_violation(run, scheme, request, visit):
    opened = visit(request.getfixturevalue(run), scheme=scheme)
    opened.scroll_through()
    assert violations(opened.page) == []
    opened.page.locator("#case-table tbody tr").last.click()
    assert violations(opened.page) == []


def violations(page):
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_the_first_screen_holds_the_answer_its_picture_and_the_decisions(demo, visit):
    page = visit(demo, width=1280).page
    for part in ("h1", ".board >> nth=1", "#decisions tbody tr >> nth=0"):
        expect(page.locator(part)).to_be_in_viewport()
    widths = [bar.bounding_box()["width"] for bar in page.locator(".board").first.locator(".fill").all()]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 3


def test_before_after_and_benchmarks_stand_in_the_page(demo, failing, visit, tmp_path):
    file = tmp_path / "benchmarks.json"
    stats = {"min": 1e-6, "median": 2e-6, "iqr": 1e-7, "rounds": 9}
    file.write_text(json.dumps({"benchmarks": [{"name": "test_pull", "group": "table", "stats": stats}]}))
    opened = visit(failing, before=demo, benchmarks=file)
    assert opened.page.locator("#before tbody tr").count() == 4
    assert opened.page.locator("#benchmarks tbody th").inner_text() == "test_pull"
    opened.scroll_through()
    opened.shot("before-after")


HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<a href='javascript:window.hacked=1'>%{x}</a>",
    "\u202egnirts\u202c",
    "W" * 10_000,
]


@pytest.mark.parametrize("words", HOSTILE, ids=["script", "image", "link", "direction", "long"])
def test_hostile_strings_do_nothing(words, write_folder, make_run, make_check, visit):
    fields = {
        "options": {words: words},
        "dataset": words,
        "hosts": [words],
        "flagged": [{"kind": "other", "text": words}],
        "phases_ms": {words: 1.0},
    }
    fields |= {"model_bytes": {words: 5}, "counters": {words: 1.0, "staleness_0": 2.0}, "command": words}
    runs = [make_run(words, **fields), make_run("b", **fields)]
    runs.append(make_run(words, status="crashed", error=words, log_tail=words, round=2, examples_per_second=None))
    opened = visit(write_folder(runs, checks=[make_check(words, reason=words)], environment={words: words}), width=390)
    opened.scroll_through()
    for box in opened.page.locator("[data-figure]").all():
        box.locator("[data-action=table]").click()
    for row in (0, 2):
        opened.page.locator("#case-table tbody tr").nth(row).locator("button").click()
        opened.page.keyboard.press("Escape")
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("a[href*=javascript], img").count() == 0
    assert opened.page.locator("svg a").count() == 0
    assert "\u202e" not in opened.page.inner_text("body")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_two_thousand_cases_open_with_a_page_of_rows_and_the_rest_on_demand(write_folder, make_run, visit):
    datasets = [f"planted[vocabulary={size}]" for size in range(1000, 51_000, 1000)]
    runs = [
        make_run(strategy, dataset=dataset, ranks=ranks, round=at)
        for at in (1, 2)
        for dataset in datasets
        for ranks in (1, 2, 4, 8, 16)
        for strategy in ("local", "sparse_ps", "horovod", "multi_worker_mirrored")
    ]
    opened = visit(write_folder(runs, curve_points=4))
    assert len(runs) == 2000
    assert opened.cases() == 100
    throughput = opened.page.locator("[data-figure=throughput]")
    throughput.scroll_into_view_if_needed()
    throughput.locator(".main-svg").first.wait_for()
    expect(throughput.locator("[data-action=rows]")).to_have_text("226 more rows")
    opened.page.locator("[data-filter=ranks] .chip", has_text="16").click()
    expect(opened.page.locator("#shown")).to_contain_text("1,600 of 2,000 cases")
    opened.page.locator("#more-cases").click()
    assert opened.cases() == 1600


@pytest.mark.parametrize("width", [1280, 390])
def test_names_of_close_entrants_do_not_cover_each_other(visit, write_folder, rounds, width):
    """Four strategies with nearly the same throughput and memory, and one that has both to itself."""
    runs = [
        run
        for place, name in enumerate(["sparse_ps", "horovod", "multi_worker_mirrored", "tf_parameter_server"])
        for run in rounds(name, [100_000 + 300 * place], peak_pss_bytes=1_000_000_000 + 2_000_000 * place)
    ]
    run = write_folder([*runs, *rounds("local", [50_000], peak_pss_bytes=400_000_000)])
    opened = visit(run, width=width)
    opened.scroll_through()
    names = opened.page.locator("#figure-pareto-memory .annotation-text")
    boxes = [name.bounding_box() for name in names.all()]
    assert len(boxes) == 5
    plot = opened.page.locator("#figure-pareto-memory .plot").bounding_box()
    for place, one in enumerate(boxes):
        assert plot["x"] - 1 <= one["x"]
        assert one["x"] + one["width"] <= plot["x"] + plot["width"] + 1
        for other in boxes[place + 1 :]:
            apart_x = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            apart_y = one["y"] + one["height"] <= other["y"] + 2 or other["y"] + other["height"] <= one["y"] + 2
            assert apart_x or apart_y
    opened.shot(f"labels-{width}")
