"""The built documentation works without a network, and what says so can fail."""

from __future__ import annotations

from pathlib import Path

import griffe
import pytest

from tools.docstrings import Docstrings, markdown, native_text
from tools.site import complaints, loads_of, main


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<script src="//cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="http://cdn.example/a.css">',
        '<link rel="preconnect" href="https://fonts.example">',
        '<img src="https://cdn.example/a.png">',
        '<iframe src="https://cdn.example/"></iframe>',
        '<style>@import "https://cdn.example/a.css";</style>',
        "<style>@font-face { src: url(//cdn.example/a.woff2) }</style>",
        '<p style="background: url(https://cdn.example/a.png)">',
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(html: str) -> None:
    assert len(loads_of(html)) == 1


def test_links_and_files_of_the_site_are_no_loads() -> None:
    assert (
        loads_of('<a href="https://example.org">x</a><script src="../a.js"></script><link rel="icon" href="a.png">')
        == []
    )
    assert loads_of('<link rel="canonical" href="https://example.org/a.html">') == []


def test_a_folder_is_judged_by_all_of_its_pages_and_styles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.html").write_text("<p>fine</p>")
    assert main([str(tmp_path)]) == 0
    (tmp_path / "below" / "a.css").write_text("@import url('https://cdn.example/b.css');")
    (tmp_path / "b.html").write_text("<p>see :class:`Name`</p>")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("\n") >= 2


def test_a_folder_without_pages_is_no_site(tmp_path: Path) -> None:
    assert len(list(complaints(tmp_path))) == 1


def test_roles_and_literal_markers_become_markdown() -> None:
    assert markdown("See :class:`~a.B` and :mod:`c`.") == "See ``a.B`` and ``c``."
    assert markdown("A tree::\n\n    x") == "A tree:\n\n    x"
    assert markdown("A tree.\n\n::\n\n    x") == "A tree.\n\n\n\n    x"


def test_the_native_module_says_what_its_names_are() -> None:
    assert native_text("wideload._native.SparseTable").startswith("A mutable embedding store")
    assert native_text("wideload._native.SparseTable.pull").startswith("Weights [n, width] float32")
    assert native_text("wideload._native._OptimizerLike") == ""


def test_an_attribute_that_the_class_explains_is_not_shown_again() -> None:
    text = '"""One.\n\n    Attributes:\n        told: this one.\n    """'
    code = f"class A:\n    {text}\n\n    told: int = 1\n    other: int = 2\n"
    with griffe.temporary_visited_module(code, extensions=griffe.load_extensions(Docstrings)) as module:
        assert not module["A.told"].is_public
        assert module["A.other"].is_public
