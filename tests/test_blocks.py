"""Every code block of the documentation is run or checked, in the order in which a reader meets them.

::

    python   run, all blocks of a page in one process, in a folder with the tutorial's data and made-up runs
    toml     read by what reads such a file: an experiment, or what the mark above the block names
    sh       `wideload ...` is called where that is cheap, `wideload run` with --dry-run; of other programs, the files,
             modules and sessions that are named must exist
    text     output, drawings, listings: neither run nor checked

``<!-- test: NAME -->`` above a block names what reads it, ``<!-- not run: REASON -->`` says why nothing runs it. Pages
in ``ELSEWHERE`` have a test module of their own.
"""

from __future__ import annotations

import gzip
import importlib.util
import random
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wideload.datasets.readers.layout import load_layout
from wideload.harness.cli import cli
from wideload.harness.experiment.experiment import from_document, merge

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")])
PAGES += [ROOT / "experiments" / "README.md", *sorted((ROOT / "examples").rglob("*.md"))]
ELSEWHERE = {
    "README.md": "tests/test_docs.py",
    "docs/guides/train_with_ps.md": "tests/strategies/sparse_ps/keras/test_docs.py",
    "docs/reference/columns.md": "tests/harness/features/test_docs.py",
    "docs/reference/parameter_server.md": "tests/strategies/sparse_ps/keras/test_docs.py",
    "docs/reference/table.md": "tests/native/test_docs.py",
}
"""Pages whose Python and TOML another module runs."""
FENCE = re.compile(r"^( *)(?:<!-- (?:test|not run): (.+?) -->\n\1)?```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the mark above it, and its text without indentation."""

    language: str
    mark: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [
        Block(language, mark, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, mark, language, text in FENCE.findall(page.read_text(encoding="utf-8"))
    ]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= {"python", "toml", "sh", "text"}
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    assert "```" not in prose
    assert re.findall(r"(?<=[^:\s]\n\n) {4}\S.*", prose) == []  # would be code that nobody runs


@pytest.mark.parametrize(("page", "module"), ELSEWHERE.items())
def test_pages_with_a_module_of_their_own_are_run_there(page: str, module: str) -> None:
    assert re.search(rf'"{Path(page).name}"', (ROOT / module).read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------------- TOML


def as_experiment(document: dict[str, Any], _: Path) -> None:
    """What a file says must be valid with what every experiment has to say."""
    given = merge({"strategies": ["local"], "workload": {"dataset": "census"}}, document)
    assert from_document(given, "the page").variants()


def as_layout(_: dict[str, Any], path: Path) -> None:
    assert load_layout(path).field


def as_entry_points(document: dict[str, Any], _: Path) -> None:
    assert set(document["project"]["entry-points"]) <= {"wideload.strategies", "wideload.datasets"}


READ_BY: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "": as_experiment,
    "layout": as_layout,
    "entry points": as_entry_points,
}
TOML = [
    pytest.param(block, id=f"{name(page)}-{number}")
    for page in PAGES
    if name(page) not in ELSEWHERE
    for number, block in enumerate(blocks(page))
    if block.language == "toml"
]


@pytest.mark.parametrize("block", TOML)
def test_toml_is_what_it_says_it_is(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "block.toml"
    path.write_text(block.text)
    READ_BY[block.mark](tomllib.loads(block.text), path)


# ------------------------------------------------------------------------------------------------------- shell lines


def lines(text: str) -> Iterator[list[str]]:
    """The commands of a shell block as words, without comments, redirections and variables in front."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.split(r" && | \|\| ", line):
            words = list(before(shlex.split(command, comments=True), {">", ">>", "|"}))
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0], re.DOTALL):
                words.pop(0)
            if words:
                yield words


def before(words: list[str], ends: set[str]) -> Iterator[str]:
    for word in words:
        if word in ends:
            return
        yield word


def sessions() -> set[str]:
    return set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8")))


def check_python(words: list[str]) -> None:
    if words[:1] == ["-m"]:
        assert words[1] == "venv" or importlib.util.find_spec(words[1]), words
    else:
        assert words[0] == "train.py" or (ROOT / words[0]).exists(), words


def check_mpirun(words: list[str]) -> None:
    assert re.fullmatch("-np? [1-9]", " ".join(words[:2])), words
    check(words[2:])


def check_nox(words: list[str]) -> None:
    assert words[0] in ("-s", "-l"), words
    assert words[0] == "-l" or words[1] in sessions(), words


def check_pytest(words: list[str]) -> None:
    assert (ROOT / words[0]).exists(), words


def check_pip(words: list[str]) -> None:
    assert words[0] == "install", words
    assert all((ROOT / word).exists() for word in words[1:] if word.startswith("./")), words


def check_sbatch(words: list[str]) -> None:
    assert all((ROOT / word).exists() for word in words if word.startswith(("examples/", "experiments/"))), words


def check_nothing(words: list[str]) -> None:
    """Programs of the system."""


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "python": check_python,
    "python3": check_python,
    "mpirun": check_mpirun,
    "nox": check_nox,
    "pytest": check_pytest,
    "pip": check_pip,
    "apt-get": check_nothing,
    "salloc": check_nothing,
    "sbatch": check_sbatch,
    "pre-commit": check_nothing,
    ".": check_nothing,
    "wideload": check_nothing,  # called by the next test
}


def check(words: list[str]) -> None:
    program = Path(words[0]).name if words[0] != "." else "."
    assert program in CHECKS, f"nothing checks {words}"
    CHECKS[program](words[1:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_shell_lines_name_exists(page: Path) -> None:
    for block in blocks(page):
        if block.language == "sh":
            for words in lines(block.text):
                check(words)


# ------------------------------------------------------------------------------------- what is called, and run

TUTORIAL = ROOT / "docs" / "tutorial.md"
TRANSCRIPT = ROOT / "docs" / "guides" / "start.md"
RUNS = ("after", "before", "census", "demo", "mine", "planted", "step", "traced", "wire")
REASONS = {
    r"^check ": "trains for minutes; wideload check has tests of its own",
    r"^checkpoint ": "needs a trained model; tests/harness/cli and tests/harness/checkpoints call these",
    r"^predict ": "needs a trained model; tests/harness/serving calls it",
    r"--hostfile|^run -d coins": "needs other hosts, or a plug-in that is not installed",
    r"^race |--format mllog": "trains for minutes; tests/harness/cli/test_race.py has a race, and exports it",
    r"^history ": "needs a git repository; tests/harness/cli/test_history.py makes one",
    r"^verify ": "runs a whole experiment; tests/harness/cli/test_verify.py has one",
    r"custom ml-1m/": "needs the published files; tests/datasets/readers/test_joins.py has an excerpt",
    r"--benchmarks": "needs the JSON of a benchmark; tests/reports has one",
    r"--format trace": "needs the timelines of a run; tests/harness/records/test_export.py has some",
}
"""Patterns of command lines that are not called, with the reason; tests/test_docs.py checks their options."""


def call(*words: str) -> int:
    """The command line, in this process; its exit code."""
    try:
        return int(cli.main([*words], prog_name="wideload", standalone_mode=False) or 0)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pages are followed: the tutorial's files, its data, and runs whose records were made up."""
    made = tmp_path_factory.mktemp("pages")
    files = iter(("clicks.toml", "mine.toml"))
    for block in blocks(TUTORIAL):
        if block.language == "toml":
            (made / next(files)).write_text(block.text)
        if block.language == "python":
            subprocess.run([sys.executable, "-c", block.text], cwd=made, check=True, timeout=120)
    for run in RUNS:
        write_run(made / "runs" / run, (made / "mine.toml").read_text())
    for shared in ("experiments", "examples", "docs"):
        (made / shared).symlink_to(ROOT / shared)
    draw = random.Random(1)
    rows = [[str(draw.randint(0, 1)), *["7"] * 13, *[f"{draw.getrandbits(32):08x}"] * 26] for _ in range(200)]
    criteo = "".join("\t".join(row) + "\n" for row in rows).encode()
    (made / "train.txt").write_bytes(criteo)
    (made / "day_0.gz").write_bytes(gzip.compress(criteo))
    return made


def write_run(folder: Path, experiment: str) -> None:
    """A run of three strategies in two rounds."""
    folder.mkdir(parents=True)
    (folder / "experiment.toml").write_text(experiment)
    records = [
        MADE_UP.run_record(name, round=number) for name in ("local", "sparse_ps", "horovod") for number in (1, 2)
    ]
    (folder / "runs.jsonl").write_text("".join(record.model_dump_json() + "\n" for record in records))


def load_module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("made_up_runs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


MADE_UP = load_module(ROOT / "tests" / "reports" / "conftest.py")


WITHOUT_TRAINING = {"run": ["--dry-run"], "start": ["--until", "data", "-s", "local", "-s", "sparse_ps"]}
"""Options with which a command does all but train."""


def called(text: str) -> None:
    """Calls the cheap command lines of a shell block."""
    for words in lines(text):
        line = " ".join(words[1:])
        if words[0] == "wideload" and not any(re.search(pattern, line) for pattern in REASONS):
            dry = WITHOUT_TRAINING.get(words[1], [])
            assert call(*words[1:], *([] if {*dry[:1]} & {*words} else dry)) == 0, words


FOLLOWED = [page for page in PAGES if any(block.language in ("sh", "python") for block in blocks(page))]
FOLLOWED.sort(key=lambda page: page != TUTORIAL)  # whose data other pages use


@pytest.mark.parametrize("page", FOLLOWED, ids=name)
def test_a_page_does_what_it_says(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shutil.rmtree("data/criteo", ignore_errors=True)  # each page prepares its own
    script = ""
    for block in blocks(page):
        if block.language == "sh":
            called(block.text)
        if block.language == "python" and not block.mark and name(page) not in ELSEWHERE and page != TUTORIAL:
            script += block.text + "\n"
    if script:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


def test_the_transcript_of_start_is_what_it_prints(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shutil.rmtree("wideload-clicks", ignore_errors=True)
    (shown,) = (block for block in blocks(TRANSCRIPT) if block.mark == "transcript")
    arguments = ["start", "clicks.csv", *WITHOUT_TRAINING["start"]]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert shown.text.startswith(done.stdout)
    (layout,) = (block for block in blocks(TRANSCRIPT) if block.mark == "layout")
    assert layout.text == (folder / "wideload-clicks" / "layout.toml").read_text()
    (experiment,) = (block for block in blocks(TRANSCRIPT) if block.language == "toml" and not block.mark)
    written = (folder / "wideload-clicks" / "experiment.toml").read_text()
    assert experiment.text.splitlines()[2:] == written.splitlines()[2:]  # but for the strategies


def test_reasons_for_not_calling_a_line_are_needed() -> None:
    text = "\n".join(block.text for page in PAGES for block in blocks(page) if block.language == "sh")
    wanted = [" ".join(words[1:]) for words in lines(text) if words[0] == "wideload"]
    assert [pattern for pattern in REASONS if not any(re.search(pattern, line) for line in wanted)] == []
