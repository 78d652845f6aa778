"""The outline of a page per kind of run, compared with the one kept in golden/ (README.md says how to renew them)."""

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from wideload.reports.html.render import render

GOLDEN = Path(__file__).parent / "golden"
SHOWN = {"h1", "h2", "h3", "h4", "tr", "li", "legend", "label", "option", "p", "dt", "dd", "caption", "figcaption"}


class Outline(HTMLParser):
    """One line per heading, row, list entry and figure, with its text."""

    def __init__(self, text):
        super().__init__()
        self.lines, self.open, self.skipped = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.skipped = tag in ("script", "style")
        if tag in SHOWN:
            classes = " ".join(value for name, value in attrs if name in ("class",) and value)
            self.open.append([f"{tag}.{classes}" if classes else tag, []])

    def handle_endtag(self, tag):
        self.skipped = False
        if tag in SHOWN and self.open:
            name, words = self.open.pop()
            text = " | ".join(" ".join("".join(words).split("\x1f")).split("\x1e"))
            self.lines.append(f"{name}: {' '.join(text.split())}".rstrip(": "))

    def handle_data(self, data):
        if self.open and not self.skipped and data.strip():
            self.open[-1][1].append(f" {data.strip()}")


def outline(page, payload):
    lines = Outline(page.read_text(encoding="utf-8")).lines
    for figure in payload["figures"]:
        names = [f"{trace['name']} {len(trace['x'])}" for trace in figure["data"][:12]]
        lines.append(f"figure {figure['id']}: {len(figure['data'])} traces: {', '.join(names)}")
    lines.append(f"cases: {len(payload['runs']['rows'])}, fields: {', '.join(payload['runs']['fields'])}")
    return "\n".join(lines) + "\n"


def older(folder, make_run):
    """A folder of an earlier schema version: few fields, one that no longer exists."""
    keep = (
        "case_id",
        "status",
        "strategy",
        "dataset",
        "ranks",
        "processes",
        "threads",
        "repeat",
        "batch_size",
        "examples_per_second",
        "auc",
    )
    folder.mkdir()
    lines = [
        json.dumps(
            {name: make_run(strategy, round=at).model_dump()[name] for name in keep}
            | {"schema_version": 0, "since_removed": 1}
        )
        for strategy in ("local", "horovod")
        for at in (1, 2)
    ]
    (folder / "runs.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("kind", ["demo", "failing", "single", "older"])
def test_the_outline_of_the_page_is_the_one_kept(kind, request, tmp_path, make_run, payload_of):
    run = older(tmp_path / "older", make_run) if kind == "older" else request.getfixturevalue(kind)
    page = tmp_path / "report.html"
    render(run, page)
    found, kept = outline(page, payload_of(page)), GOLDEN / f"{kind}.txt"
    if os.environ.get("WIDELOAD_UPDATE_GOLDEN"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(found, encoding="utf-8")
    assert found == kept.read_text(encoding="utf-8")
