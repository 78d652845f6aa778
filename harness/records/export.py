"""Results in the formats of other tools, made from the JSON Lines.

=============  ======================================================  ========================
form           holds                                                   for
=============  ======================================================  ========================
parquet        one row a case, nested fields as columns                pandas, DuckDB, Polars
csv            the same                                                spreadsheets
trace          the timelines of a case's ranks, merged                 ui.perfetto.dev, Chrome
tensorboard    curves and losses as scalars, one run a case            TensorBoard
mllog          the runs of a race as MLPerf log lines, a file a seed   MLPerf's tools
=============  ======================================================  ========================
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wideload.errors import UnavailableError, UsageError
from wideload.harness.records import mllog
from wideload.harness.records.results import Results, RunRecord

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["parquet", "csv", "trace", "tensorboard", "mllog"]

_SUFFIXES: dict[str, Form] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.bz2": "csv",
    ".csv.xz": "csv",
    ".csv.zip": "csv",
    ".json": "trace",
}
"""What a file's name says about its content; the compressed ones are those that pandas writes by name."""


def form_of(output: Path, form: Form | None) -> Form:
    """The form to write: as asked for, or else by the suffix of ``output``; Parquet when neither says.

    Raises:
        UsageError: the suffix is another form's, or there is no form of that suffix.
    """
    named = next((found for suffix, found in _SUFFIXES.items() if output.name.lower().endswith(suffix)), None)
    if form is not None and named is not None and form != named:
        raise UsageError(
            f"--format {form} does not fit {output.name}, whose suffix means {named}. "
            f"Leave --format out, or give the file another suffix."
        )
    if form is None and named is None and output.suffix:
        valid = ", ".join(_SUFFIXES)
        raise UsageError(
            f"the suffix of {output.name} names no form. Give --format, or one of these suffixes: {valid}."
        )
    return form or named or "parquet"


def export(run: Path, form: Form, output: Path) -> None:
    """Writes a run folder in another form.

    Raises:
        UsageError: not a run folder, or it has no timelines, or no race.
        UnavailableError: TensorBoard scalars are asked for and TensorFlow is not installed.
    """
    results = Results.read(run)
    if form == "trace":
        output.write_text(json.dumps(merged_trace(run)), encoding="utf-8")
    elif form == "tensorboard":
        write_scalars(results, output)
    elif form == "mllog":
        mllog.write(results, output)
    elif form == "csv":
        flat(results).to_csv(output, index=False)
    else:
        flat(results).to_parquet(output, index=False)


def flat(results: Results) -> pd.DataFrame:
    """The table of cases with lists and options as JSON text, which every tool can hold."""
    frame = results.frame()
    for column in frame.columns:
        if frame[column].map(lambda value: isinstance(value, list | dict)).any():
            frame[column] = frame[column].map(json.dumps)
    return frame


def merged_trace(run: Path) -> dict[str, object]:
    """All timelines of a run folder in one; a process a rank, named by case.

    Raises:
        UsageError: none was kept.
    """
    files = sorted(run.glob("state/*/trace.*.json"))
    if not files:
        raise UsageError(f"{run} holds no timeline. Run it with --set trace=true --rerun all.")
    events: list[dict[str, object]] = []
    for process, file in enumerate(files):
        name = f"{file.parent.name} {file.name.split('.')[1]}"
        events.append({"name": "process_name", "ph": "M", "pid": process, "args": {"name": name}})
        timeline = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
        events += [event | {"pid": process} for event in timeline]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def write_scalars(results: Results, output: Path) -> None:
    """TensorBoard event files, one folder a case."""
    try:
        import tensorflow as tf
    except ImportError:
        install = "pip install wideload[tensorflow]"
        raise UnavailableError(f"TensorBoard's files are written by TensorFlow: {install}.") from None
    for run in results.runs:
        with tf.summary.create_file_writer(str(output / run.case_id)).as_default():
            _scalars(run, results)


def _scalars(run: RunRecord, results: Results) -> None:
    import tensorflow as tf

    for step, loss in enumerate(run.losses[:200], start=1):
        tf.summary.scalar("loss", loss, step)
    for point in results.curves.get(run.case_id, ()):
        tf.summary.scalar("auc", point.auc, point.step)
        tf.summary.scalar("logloss", point.logloss, point.step)
    if run.examples_per_second is not None:
        tf.summary.scalar("examples_per_second", run.examples_per_second, run.steps or 0)
