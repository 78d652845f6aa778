import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from wideload.errors import DataError, UsageError
from wideload.harness.records.results import Results
from wideload.reports.html.render import render
from wideload.reports.plain.markdown import markdown

MEGABYTE = 1_000_000
HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\"'><svg onload=window.hacked=1>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.hacked=1",
    "\u202egnirts\u202c desrever",
    '=HYPERLINK("https://evil.example","x")',
    "<a href='https://evil.example'>%{x}</a>",
    "x" * 10_000,
    "a\x00b\x1b[31m",
]


def page_of(run, tmp_path, **arguments):
    output = tmp_path / "out" / "report.html"
    render(run, output, **arguments)
    return output


def two_hundred(make_run):
    """Four strategies, five vocabularies, five rank counts, two rounds; long names, many options and counters."""
    options = {f"option_{number}": f"value_{number}" for number in range(8)}
    return [
        make_run(strategy, dataset=f"planted[slots=26,vocabulary={10**size}]", ranks=ranks, round=at, options=options)
        for at in (1, 2)
        for size in (3, 4, 5, 6, 7)
        for ranks in (1, 2, 3, 4, 8)
        for strategy in ("local", "sparse_ps", "horovod", "multi_worker_mirrored")
    ]


def test_two_hundred_cases_fit_in_two_megabytes(write_folder, make_run, tmp_path):
    runs = two_hundred(make_run)
    assert len(runs) == 200
    page = page_of(write_folder(runs, curve_points=20), tmp_path)
    assert page.stat().st_size <= 2 * MEGABYTE


def test_numbers_in_the_page_equal_those_of_load_results(demo, tmp_path, payload_of):
    import wideload

    shown = payload_of(page_of(demo, tmp_path))["runs"]
    frame = wideload.load_results(demo)
    rows = [dict(zip(shown["fields"], row, strict=True)) for row in shown["rows"]]
    assert [row["case_id"] for row in rows] == list(frame["case_id"])
    for metric in ("examples_per_second", "auc", "logloss", "peak_rss_bytes", "peak_pss_bytes"):
        assert [row[metric] for row in rows] == [None if value != value else value for value in frame[metric]]
    assert [row["step_ms"]["p50"] for row in rows] == list(frame["step_ms.p50"])


def test_every_rank_record_is_in_the_page(demo, tmp_path, payload_of):
    ranks = payload_of(page_of(demo, tmp_path))["ranks"]
    assert sum(len(rows) for rows in ranks["rows"].values()) == len(Results.read(demo).ranks)


def test_a_page_names_no_address_but_those_of_xml_and_of_comments(demo, tmp_path, payload_of):
    page = page_of(demo, tmp_path)
    text = page.read_text(encoding="utf-8") + json.dumps(payload_of(page))
    addresses = set(re.findall(r"(?:https?|wss?)://[\w.-]+", text))
    comments = {"https://github.com", "http://getify.mit-license.org", "http://syntheti.cc"}
    assert addresses <= {"http://www.w3.org"} | comments


def test_the_policy_of_a_page_allows_nothing_from_outside(demo, tmp_path):
    text = page_of(demo, tmp_path).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'none'" in policy
    assert "script-src 'unsafe-inline'" not in policy
    assert "http" not in policy


class Parsed(HTMLParser):
    """The elements of a page, and the text outside script and style."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)


def hostile_runs(make_run, words):
    failed = make_run(
        words, status="crashed", examples_per_second=None, error=words, log_tail=words * 3, command=words, round=2
    )
    fields = {"options": {words: words}, "dataset": words, "hosts": [words], "started": words}
    fields["flagged"] = [{"kind": "other", "text": words}]
    return [
        make_run(
            words,
            **fields,
            fingerprints={"workload": "1", words: words},
            model_bytes={words: 5},
            phases_ms={words: 1.0},
        ),
        failed,
    ]


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_strings_add_no_element_and_no_handler(words, write_folder, make_run, make_check, tmp_path):
    plain = Parsed(
        page_of(write_folder(hostile_runs(make_run, "plain"), "a", checks=[make_check("plain")]), tmp_path).read_text()
    )
    run = write_folder(
        hostile_runs(make_run, words),
        "b",
        checks=[make_check(words, reason=words)],
        environment={words: {words: words}},
    )
    parsed = Parsed(page_of(run, tmp_path).read_text(encoding="utf-8"))
    assert parsed.tags.count("script") == plain.tags.count("script") == 3
    assert set(parsed.tags) == set(plain.tags)
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert not [value for name, value in parsed.attributes if name in ("href", "src") and not value.startswith("#")]
    assert "\u202e" not in "".join(parsed.words)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", 0.0, -1.0])
def test_numbers_that_are_none_are_shown_and_never_ranked(number, write_folder, make_run, tmp_path, payload_of):
    names = ("examples_per_second", "auc", "logloss", "copc", "best_auc", "parity_max", "cpu_seconds_per_example")
    fields = dict.fromkeys(names, number) | {"step_ms": {"p50": number}, "phases_ms": {"pull": number}}
    fields |= {"counters": {"wire_bytes": number, "staleness_0": number}}
    odd = [make_run("odd", round=at, **fields) for at in (1, 2)]
    run = write_folder([*odd, make_run("even", round=1), make_run("even", round=2)])
    shown = payload_of(page_of(run, tmp_path))["runs"]
    assert dict(zip(shown["fields"], shown["rows"][0], strict=True))["auc"] == number
    assert markdown(run).startswith("**even trains")


def test_long_logs_are_cut_to_their_end(write_folder, make_run, tmp_path, payload_of):
    run = make_run(status="crashed", log_tail="x" * 50_000 + "the reason")
    shown = payload_of(page_of(write_folder([run]), tmp_path))["runs"]["rows"][0][-1]
    assert shown.endswith("the reason")
    assert len(shown) < 5_000


def test_an_empty_folder_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "runs.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"holds no case to report on.*wideload run"):
        render(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="not a run folder"):
        render(tmp_path, tmp_path / "report.html")


def test_a_damaged_line_is_skipped_and_named_in_the_page(demo, tmp_path):
    with (demo / "runs.jsonl").open("a") as file:
        file.write('{"case_id": "half a li')
    assert "runs.jsonl:79: skipped" in page_of(demo, tmp_path).read_text(encoding="utf-8")


def test_before_and_after_name_what_got_faster_slower_or_lost(write_folder, rounds, make_run, tmp_path):
    speeds = [100.0 + at for at in range(7)]
    old = rounds("a", speeds) + rounds("b", speeds) + rounds("gone", speeds)
    new = rounds("a", [2 * speed for speed in speeds]) + rounds("b", [speed / 2 for speed in speeds])
    new += [make_run("new")]
    page = page_of(write_folder(new, "new"), tmp_path, before=write_folder(old, "old"))
    words = " ".join(" ".join(Parsed(page.read_text(encoding="utf-8")).words).split())
    assert "Before: old . After: new . Of 2 entrants in both: 1 faster, 1 slower." in words
    assert "2.00× (2.00–2.00) faster" in words
    assert "only before: gone" in words
    assert "only after: new" in words


def benchmark(name, median):
    return {
        "name": name,
        "group": "table",
        "stats": {"min": median / 2, "median": median, "iqr": median / 10, "rounds": 7, "ops": 1},
    }


def test_micro_benchmarks_are_a_section_with_the_fastest_first(demo, tmp_path):
    file = tmp_path / "benchmarks.json"
    file.write_text(
        json.dumps(
            {"datetime": "2026-01-02T03:04:05", "benchmarks": [benchmark("pull", 2e-3), benchmark("mix<b>", 3e-8)]}
        )
    )
    text = page_of(demo, tmp_path, benchmarks=file).read_text(encoding="utf-8")
    assert 0 < text.index("mix&lt;b&gt;") < text.index(">pull<")
    assert "30.0 ns" in text
    assert "2.00 ms" in text


@pytest.mark.parametrize("content", ["not json", "{}", '{"benchmarks": [{"name": "x"}]}'])
def test_a_file_that_is_no_benchmark_result_is_named(content, demo, tmp_path):
    file = tmp_path / "benchmarks.json"
    file.write_text(content)
    with pytest.raises(DataError, match=r"benchmarks\.json.*benchmark-json"):
        render(demo, tmp_path / "report.html", benchmarks=file)


def test_the_same_results_give_the_same_page(demo, tmp_path):
    first = page_of(demo, tmp_path / "1").read_bytes()
    assert page_of(demo, tmp_path / "2").read_bytes() == first


def test_reporting_imports_neither_tensorflow_nor_mpi(demo, tmp_path):
    code = (
        "import sys; from pathlib import Path; from wideload.reports.html.render import render;"
        f"render(Path({str(demo)!r}), Path({str(tmp_path / 'r.html')!r}));"
        "print({'tensorflow', 'mpi4py', 'horovod'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_only_a_lead_with_an_interval_above_one_is_marked_as_sure(write_folder, rounds, tmp_path):
    few = page_of(write_folder(rounds("a", [2, 2]) + rounds("b", [1, 1]), "few"), tmp_path / "few", before=None)
    many = page_of(write_folder(rounds("a", [2] * 6) + rounds("b", [1] * 6), "many"), tmp_path / "many")
    assert '<span class="verdict unsure">too few rounds</span>' in few.read_text(encoding="utf-8")
    assert '<span class="verdict sure">clear lead</span>' in many.read_text(encoding="utf-8")
