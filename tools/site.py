"""``python -m tools.site FOLDER``: whether a built documentation site works without a network.

A page may link elsewhere, but everything that a browser loads by itself (scripts, styles, fonts, pictures, frames)
must be in the folder. And no page may show a role of a docstring that was not rendered.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
NOT_LOADED = {"canonical", "alternate", "prev", "next", "edit", "author", "license"}
_REMOTE = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
_IMPORTED = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class Loads(HTMLParser):
    """Collects what a browser loads of a page from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        address = given.get(LOADING.get(tag, ""), "")
        if tag == "link" and given.get("rel", "").lower() not in NOT_LOADED:
            address = given.get("href", "")
        self.found += [address] if _REMOTE.match(address) else []
        self.found += _IMPORTED.findall(given.get("style", ""))


def loads_of(html: str) -> list[str]:
    """Addresses elsewhere that a browser fetches to show this page; links to follow do not count."""
    parser = Loads()
    parser.feed(html)
    return parser.found + [
        found for style in re.findall(r"<style.*?</style>", html, re.S) for found in imports_of(style)
    ]


def imports_of(css: str) -> list[str]:
    """Addresses elsewhere that a style sheet fetches."""
    return _IMPORTED.findall(css)


def complaints(folder: Path) -> Iterator[str]:
    """What is wrong with a built site, a line each."""
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        yield f"{folder}: there is no page"
    for page in pages:
        text = page.read_text(encoding="utf-8")
        yield from (f"{page}: loads {address}" for address in loads_of(text))
        yield from (
            f"{page}: shows {role}" for role in re.findall(r":(?:mod|class|func|meth|data|exc):(?=`|<code)", text)
        )
    for style in sorted(folder.rglob("*.css")):
        yield from (f"{style}: loads {address}" for address in imports_of(style.read_text(encoding="utf-8")))


def main(arguments: list[str]) -> int:
    """Prints what is wrong; 1 when anything is."""
    found = list(complaints(Path(arguments[0])))
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
