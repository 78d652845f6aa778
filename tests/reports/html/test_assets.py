import hashlib
import re
from pathlib import Path

from wideload.reports.findings.race import Entrant
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
    entrants = [Entrant(place, f"s{place}", "{}", f"s{place}", place, 0) for place in range(16)]
    assert len({(palette.entrant_ink(each), palette.entrant_symbol(each)) for each in entrants}) == 16


def test_the_options_of_a_strategy_vary_its_symbol_and_keep_its_colour():
    variants = [Entrant(0, "ps", "{}", "ps", 1, variant) for variant in range(8)]
    assert {palette.entrant_ink(each) for each in variants} == {"entrant-1"}
    assert len({palette.entrant_symbol(each) for each in variants}) == 8
    assert len({palette.entrant_pattern(each) for each in variants[:7]}) == 7
    hollow = [palette.entrant_symbol(each, hollow=True) for each in variants[:2]]
    assert hollow == ["diamond-open", "diamond-open-dot"]


def test_the_script_draws_every_symbol():
    script = (assets.STATIC / "state.js").read_text(encoding="utf-8")
    assert all(re.search(rf'^  "?{symbol}"?: "M', script, re.MULTILINE) for symbol in palette.SYMBOLS)
