"""Links in the documentation lead somewhere, and what a wheel must carry besides modules is where the build looks."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from wideload.harness.cli import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FOLDERS = (".", "docs", "experiments", "examples", "datasets", "native", "tests")
PAGES = sorted(
    page
    for folder in FOLDERS
    for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if "build" not in page.parts
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:docs|experiments|examples|datasets|harness|native|reports|strategies|tests)/[\w./-]+\.\w+)`")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings; ``{ #name }`` behind a heading sets another for the site."""
    titles = re.findall(r"^#+ (.+?)(?: \{ #([\w-]+) \})?$", prose(page), re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title, _ in titles}
    return made | {name for _, name in titles if name}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = prose(page)
    dead = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    dead += [name for name in NAMED.findall(text) if not (ROOT / name).exists() and not (page.parent / name).exists()]
    assert dead == []


def pages_of(nav: Any) -> list[str]:
    """The pages below a part of the site's navigation."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)]


def test_every_page_of_the_documentation_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(pages_of(nav)) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_the_readme_leads_to_every_page_but_the_first_and_those_of_the_api() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    pages = {str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md") if page.parent.name != "api"}
    assert pages - {"docs/index.md"} <= linked


CARRIED = (
    "reports/html/static/vendor/plotly-basic.min.js",
    "reports/html/static/report.css",
    "reports/html/templates/page.html.j2",
    "datasets/census_income",
)


def test_a_wheel_carries_style_script_templates_and_data() -> None:
    """The build takes the package's folder as it is: what is committed below the packages, through the links."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["scikit-build"]
    assert settings["wheel"]["packages"] == ["src/wideload"]
    assert "exclude" not in settings["wheel"]
    for path in CARRIED:
        assert (ROOT / "src" / "wideload" / path).exists(), path
    ignored = subprocess.run(["git", "check-ignore", *CARRIED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout == ""
    folders = {path.split("/", maxsplit=1)[0] for path in CARRIED}
    assert folders <= set(settings["sdist"]["include"])


COMMAND = re.compile(r"^(?:    |\$ )?(?:WIDELOAD_\w+=\S+ )?(wideload [a-z].*?)(?:\s+#.*)?$", re.MULTILINE)


def options_of(words: list[str]) -> tuple[str, set[str]]:
    """The command that a line calls, and the options that it knows."""
    command: click.Command = cli
    name = []
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        assert found is not None, f"no command {word!r} in {words}"
        command = found
        name.append(word)
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return " ".join(name), known | {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines_in_the_documentation_use_options_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in COMMAND.findall(
        "\n".join([*FENCE.findall(text), *re.findall(r"^    wideload .*$", text, re.MULTILINE)])
    ):
        words = line.partition(" >")[0].partition(" |")[0].partition(" -- ")[0].split()[1:]
        name, known = options_of(words)
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, f"wideload {name} does not know {sorted(used - known)}"


def test_the_workflow_calls_commands_that_exist() -> None:
    workflow = yaml.safe_load((ROOT / "examples" / "github" / "benchmark.yml").read_text(encoding="utf-8"))
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    lines = re.findall(r"\bwideload ([a-z].*)$", "\n".join(steps), re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"run", "report", "compare", "history"}
    for line in lines:
        words = line.partition(" >")[0].split()
        name, known = options_of(words)
        used = {word for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, f"wideload {name} does not know {sorted(used - known)}"


def test_the_readme_s_example_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the README's own code
    assert names["rows"].shape == (3, 8)
    assert len(names["table"]) == 2
