"""``wideload verify``. Reports stand above the harness, so they are loaded by name, as commands are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from wideload import files
from wideload.harness.cli.display import chosen_display
from wideload.harness.cli.request import host_options, hosts
from wideload.registry import load
from wideload.terminal import show


@click.command("verify", epilog="Example: `wideload verify census.tar.gz -o runs/verified`")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Run folder of the second run.  [default: runs/verify-DATE-TIME]",
    show_default=False,
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@host_options
def command(bundle: Path, output: Path | None, as_json: bool, **request: Any) -> int:
    """Run the experiment of a bundle again, and say of each of its claims whether it holds here.

    A claim is reproduced within the interval, not reproduced, or cannot be compared, with the reason. The page
    verification.html in the run folder says the same. Data with another fingerprint than the bundle's are refused.
    The same line, with the same --output, continues an interrupted verification.

    The exit code is 1 when a claim was not reproduced, or none could be compared.
    """
    from wideload.harness.records.bundle import RUN, unpack
    from wideload.harness.records.results import Results
    from wideload.harness.sweep.verification import check_data, repeat

    folder = output or Path("runs") / f"verify-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with TemporaryDirectory() as unpacked:
        manifest = unpack(bundle, Path(unpacked))
        check_data(manifest.data)
        with chosen_display() as display:
            repeat(Path(unpacked) / RUN, folder, display, hosts(request))
        claimed, again = Results.read(Path(unpacked) / RUN), Results.read(folder)
        verification = load("wideload.reports.findings.verification:Verification").of(manifest.name, claimed, again)
        page = folder / "verification.html"
        files.write(page, load("wideload.reports.html.verification:html")(verification))
        if as_json:
            click.echo(json.dumps(verification.as_json()))
        else:
            show(*load("wideload.reports.plain.verification:listed")(verification))
    click.echo(f"the second run and its verification are in {folder}; {page} is the report", err=True)
    return int(not verification.passed)
