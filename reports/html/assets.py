"""The files that are embedded in a page: style, script, and plotly's basic bundle.

The bundle is plotly's own file, byte for byte (``static/vendor/README.md`` has version and checksum). The addresses
in it are removed when it is embedded, so that nothing in a report can reach a network even by accident.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from wideload.reports.html import palette

STATIC = Path(__file__).parent / "static"
PLOTLY = STATIC / "vendor" / "plotly-basic.min.js"
SCRIPTS = ("state.js", "labels.js", "figures.js", "drawer.js", "tables.js", "downloads.js", "page.js")
NETWORK = (
    "https://cloud.plotly.com/newchart",
    "https://cdn.plot.ly/un/",
    "https://plotly.com/javascript/animations/",
    "https://plotly.com/",
)


@cache
def plotly() -> str:
    bundle = PLOTLY.read_text(encoding="utf-8")
    licence = (STATIC / "vendor" / "plotly-LICENSE").read_text(encoding="utf-8")
    for address in NETWORK:
        bundle = bundle.replace(address, "")
    return _inside_script(f"/*\n{licence}*/\n{bundle}")


@cache
def script() -> str:
    """The page's script: the parts in order, in one function scope."""
    parts = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return _inside_script(f'(async () => {{\n"use strict";\n{parts}\n}})();')


@cache
def style() -> str:
    inks = palette.variables()
    light = "".join(f"--{name}:{ink.light};" for name, ink in inks)
    dark = "".join(f"--{name}:{ink.dark};" for name, ink in inks)
    variables = (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
    )
    return variables + (STATIC / "report.css").read_text(encoding="utf-8")


def policy_hash(content: str) -> str:
    """The source expression by which a content security policy allows exactly this inline script."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _inside_script(content: str) -> str:
    return content.replace("</script", "<\\/script")
