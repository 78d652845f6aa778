"""``wideload predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command(
    "predict",
    epilog="Examples: `wideload predict runs/a/checkpoints/CASE/step-000000000200 new.csv -o scores.parquet`, "
    "`wideload predict served/ day_24.gz -o scores.csv --bad-rows skip`",
)
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A .parquet or .csv file."
)
@click.option(
    "--layout", type=click.Path(exists=True, dir_okay=False), help="TOML layout instead of that of the training data."
)
@click.option("--score-column", default="score", help="Name of the column with the scores.")
@click.option(
    "--bad-rows",
    default="error",
    type=click.Choice(["error", "skip"]),
    help="Stop at the first bad row, or skip and count bad rows.",
)
@click.option("--bad-rows-limit", type=int, help="Stop when more than this many rows were skipped.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def command(model: Path, paths: tuple[str, ...], output: Path, **chosen: Any) -> None:
    """Score raw rows with a checkpoint or a SavedModel.

    Rows are read as those were that the model was trained on; they need no label. All their columns are kept.
    """
    from wideload.datasets.progress import shown
    from wideload.datasets.rejects import BadRows
    from wideload.harness.serving.predict import check_output, predict
    from wideload.harness.serving.scorers import scorer_of
    from wideload.options import validate

    check_output(output)
    policy = validate(BadRows, {"policy": chosen["bad_rows"], "limit": chosen["bad_rows_limit"]}, "predict")
    scorer = scorer_of(model.absolute())
    with shown(chosen["quiet"]) as bar:
        found = predict(
            scorer,
            paths,
            output,
            layout=chosen["layout"],
            bad_rows=policy,
            column=chosen["score_column"],
            report=bar,
        )
    click.echo(f"{output}: {found.rows_out:,} rows scored; {found.rows_in:,} rows in, {found.rejected:,} rejected")
    for reason, count in sorted(found.reasons.items()):
        click.echo(f"  {count:,} x {reason}")
