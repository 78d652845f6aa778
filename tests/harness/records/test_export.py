import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from wideload.errors import UsageError
from wideload.harness.cli import cli
from wideload.harness.records.export import export, form_of
from wideload.harness.records.results import CurvePoint, RunRecord

Make = Callable[..., RunRecord]


@pytest.fixture
def folder(tmp_path: Path, make_run: Make) -> Path:
    run = make_run(options={"mode": "sync"}, step_ms={"p50": 4.0}, examples_per_second=10.0)
    (tmp_path / "runs.jsonl").write_text(run.model_dump_json() + "\n")
    return tmp_path


@pytest.mark.parametrize(("form", "read"), [("parquet", pd.read_parquet), ("csv", pd.read_csv)])
def test_a_table_reads_back_with_its_nested_fields(
    folder: Path, form: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    export(folder, form, folder / "table")
    frame = read(folder / "table")
    assert frame["step_ms.p50"].tolist() == [4.0]
    assert json.loads(frame["options"][0]) == {"mode": "sync"}
    assert json.loads(frame["losses"][0]) == [0.7, 0.6, 0.5]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x.csv", "csv"),
        ("x.CSV", "csv"),
        ("x.csv.gz", "csv"),
        ("x.parquet", "parquet"),
        ("x.pq", "parquet"),
        ("a.csv.parquet", "parquet"),
        ("x.json", "trace"),
        ("x", "parquet"),
    ],
)
def test_the_suffix_of_the_output_decides_its_form(name: str, form: str) -> None:
    assert form_of(Path(name), None) == form
    assert form_of(Path(name), form) == form  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "form"), [("x.csv", "parquet"), ("x.parquet", "csv"), ("x.json", "csv"), ("x.csv", "trace")]
)
def test_a_form_that_the_suffix_contradicts_is_refused(name: str, form: Any) -> None:
    with pytest.raises(UsageError, match=f"--format {form} does not fit {name}"):
        form_of(Path(name), form)


def test_a_suffix_without_a_form_is_refused_unless_the_form_is_given() -> None:
    with pytest.raises(UsageError, match=r"x\.txt names no form. Give --format, or one of these suffixes: \.parquet"):
        form_of(Path("x.txt"), None)
    assert form_of(Path("x.txt"), "csv") == "csv"
    assert form_of(Path("board.v1"), "tensorboard") == "tensorboard"


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_the_command_writes_what_the_suffix_says(folder: Path, name: str) -> None:
    done = CliRunner().invoke(cli, ["export", str(folder), "-o", str(folder / name)])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(folder / name)["step_ms.p50"].tolist() == [4.0]


def test_timelines_of_all_ranks_are_merged_as_processes(folder: Path) -> None:
    for rank in range(2):
        place = folder / "state" / "a"
        place.mkdir(parents=True, exist_ok=True)
        events = {"traceEvents": [{"name": "step 1", "ph": "X", "ts": 0, "dur": 1, "pid": rank, "tid": 0}]}
        (place / f"trace.{rank}.json").write_text(json.dumps(events))
    export(folder, "trace", folder / "trace.json")
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    assert {event["pid"] for event in events if event["ph"] == "X"} == {0, 1}
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {"a 0", "a 1"}


def test_a_run_without_timelines_says_how_to_get_them(folder: Path) -> None:
    with pytest.raises(UsageError, match="--set trace=true"):
        export(folder, "trace", folder / "trace.json")


def test_curves_and_losses_are_tensorboard_scalars(folder: Path) -> None:
    point = CurvePoint(case_id="a", step=3, examples=6, seconds=1.0, auc=0.75, logloss=0.5)
    (folder / "curves").mkdir()
    (folder / "curves" / "a.jsonl").write_text(point.model_dump_json() + "\n")
    export(folder, "tensorboard", folder / "board")
    found = scalars(next((folder / "board" / "a").glob("events.*")))
    assert [found["loss", step] for step in (1, 2, 3)] == pytest.approx([0.7, 0.6, 0.5])
    assert found["auc", 3] == pytest.approx(0.75)
    assert found["logloss", 3] == pytest.approx(0.5)
    assert found["examples_per_second", 3] == pytest.approx(10.0)


def scalars(path: Path) -> dict[tuple[str, int], float]:
    """Values by tag and step, read by TensorFlow's own reader."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    found = {}
    for record in tf.data.TFRecordDataset([str(path)]):
        event = event_pb2.Event.FromString(record.numpy())
        for value in event.summary.value:
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found
