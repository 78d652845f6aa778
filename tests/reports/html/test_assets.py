import hashlib
import re
from pathlib import Path

from wideload.reports.html import assets, palette

HERE = Path(__file__).parents[1]


def test_the_plotting_library_is_the_file_that_its_readme_names():
    readme = (assets.STATIC / "vendor" / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(assets.PLOTLY.read_bytes()).hexdigest() in readme


def test_axe_is_the_file_that_its_readme_names():
    assert hashlib.sha256((HERE / "axe.min.js").read_bytes()).hexdigest() in (HERE / "README.md").read_text()


def test_every_address_that_is_emptied_was_in_the_library():
    bundle = assets.PLOTLY.read_text(encoding="utf-8")
    assert all(address in bundle for address in assets.NETWORK)
    assert not any(address in assets.plotly() for address in assets.NETWORK)


def test_the_library_carries_its_licence():
    assert "Permission is hereby granted" in assets.plotly()


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_ink_stands_out_from_its_page():
    style = (assets.STATIC / "report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"--page: (#\w{6})", style)[:2]
    for name, ink in palette.variables():
        assert contrast(ink.light, light) >= 3, name
        assert contrast(ink.dark, dark) >= 3, name


def test_sixteen_entrants_have_sixteen_looks():
    assert len({(palette.entrant_ink(index), palette.entrant_symbol(index)) for index in range(16)}) == 16
