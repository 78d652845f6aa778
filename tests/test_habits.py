"""What runs elsewhere - continuous integration, hooks, citation - refers to what is here."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SETTING_UP = ("actions/checkout@", "actions/setup-python@", "actions/upload-artifact@")


def sessions() -> set[str]:
    """The sessions of noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if any("nox.session" in ast.unparse(mark) for mark in node.decorator_list)}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def called(job: dict[str, Any]) -> set[str]:
    """The sessions that a job calls, for every value of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    lines = [step["run"] for step in job["steps"] if step.get("run", "").startswith("nox ")]
    names = [line.removeprefix("nox -s ") for line in lines]
    return {name for text in names for name in (matrix["session"] if text == "${{ matrix.session }}" else [text])}


def test_there_is_a_workflow_for_tests_documentation_and_a_release() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "release", "tests"]
    assert {name for path in WORKFLOWS for job in read(path)["jobs"].values() for name in called(job)} == {
        "dist", "docs", "lint", "tests", "types",
    }  # fmt: skip


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_only_sets_up_python_and_calls_sessions_that_exist(path: Path) -> None:
    for job in read(path)["jobs"].values():
        assert called(job)
        assert called(job) <= sessions()
        for step in job["steps"]:
            assert step.get("uses", SETTING_UP[0]).startswith(SETTING_UP)
            assert re.fullmatch(r"pip install nox|nox -s \S+( \S+ }})?", step.get("run", "pip install nox"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_use_the_pythons_that_the_package_supports(path: Path) -> None:
    supported = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name}
    for job in read(path)["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        given = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
        pythons = {python for text in given for python in (matrix["python"] if "matrix" in text else [text])}
        assert pythons <= supported
        assert "python" not in matrix or pythons == supported


def test_hooks_are_local_and_run_programs_of_the_lint_group() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    programs = {hook["entry"].split()[0] for hook in repo["hooks"]}
    assert programs == {f".nox/env/bin/{name}" for name in ("ruff", "clang-format", "codespell")}
    assert {Path(program).name for program in programs} <= set(settings["dependency-groups"]["lint"])
    for hook in repo["hooks"]:
        re.compile(hook.get("files", ""))
        re.compile(hook.get("exclude", ""))


def test_the_citation_has_the_version_and_the_licence_of_the_package() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
