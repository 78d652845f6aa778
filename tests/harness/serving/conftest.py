"""Models trained on Census Income with the columns of the demo, and a server without wideload."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload import datasets
from wideload.datasets.contract import Plan
from wideload.datasets.prepare.prepare import prepare
from wideload.datasets.prepare.request import Request
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.checkpointing import Settings
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.job import messages
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.mpi import find
from wideload.harness.workload.workload import Workload

ROOT = Path(__file__).parents[3]
SERVER = Path(__file__).parent / "jobs" / "server.py"
STEPS = 40


@dataclass(frozen=True)
class Model:
    """A finished case: its checkpoint, and what its trainer predicted for the test split."""

    workload: Workload
    checkpoint: Path
    predicted: npt.NDArray[np.float32]


@pytest.fixture(scope="session")
def census() -> Callable[..., Workload]:
    """The demo's workload, cut short."""

    def made(**changes: Any) -> Workload:
        declared = tomllib.loads((ROOT / "experiments" / "demo_census.toml").read_text())["workload"]
        return Workload.model_validate(declared | {"steps": STEPS} | changes)

    return made


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Trains a workload under a strategy on one rank, once per pair."""
    made: dict[tuple[str, str], Model] = {}
    run = tmp_path_factory.mktemp("served")

    def trained(strategy: str, workload: Workload) -> Model:
        key = (strategy, workload.fingerprint)
        if key not in made:
            case = Case(workload=workload, strategy=strategy, ranks=1, threads=2)
            launcher = Launcher(find(), run, Limits(240.0, 120.0), checkpoints=Settings(every=10_000))
            finished = launcher.launch(case)
            assert finished.verdict.status == "ok", [log.read_text()[-2000:] for log in finished.logs]
            checkpoint = run / "checkpoints" / case.case_id / f"step-{workload.steps:012d}"
            pairs = np.load(messages.predictions_path(finished.folder, workload.steps or 0, 0))
            made[key] = Model(workload, checkpoint, pairs[1])
        return made[key]

    return trained


ODD_NAMES = ("timestamp/age days", "site.id", "user id", "性别", "1st-buy", "_x", "c(a)", "self", "Color", "color")


@pytest.fixture(scope="session")
def odd_names(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A prepared data set whose fields have names that no signature takes; ``price in €`` and ``Price`` are numbers."""
    folder = tmp_path_factory.mktemp("odd")
    numbers = ("price in €", "Price")
    fields = [f'[[field]]\nname = "{name}"\n' for name in ODD_NAMES]
    fields += [f'[[field]]\nname = "{name}"\nkind = "number"\n' for name in numbers]
    (folder / "layout.toml").write_text(
        'format = "csv"\n[label]\ncolumn = "label"\n' + "".join(fields), encoding="utf-8"
    )
    random = np.random.default_rng(1)
    lines = [",".join(["label", *ODD_NAMES, *numbers])]
    for words in random.integers(0, 5, (600, len(ODD_NAMES))):
        cells = [f"v{word}" for word in words] + [str(number) for number in random.normal(3, 1, 2).round(3)]
        lines.append(",".join([str(int(words.sum() % 3 == 0)), *cells]))
    (folder / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    request = Request(reader="custom", options={"layout": str(folder / "layout.toml")})
    prepare(request, str(folder / "log.csv"), folder / "shards")
    return f"shards[path={folder / 'shards'}]"


@pytest.fixture(scope="session")
def raw_test_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw fields of Census Income's test split, words as words."""
    return write_raw("census", tmp_path_factory.mktemp("raw") / "test.parquet")


def write_raw(dataset: str, path: Path) -> Path:
    """The raw fields of a data set's test split as Parquet, words as words."""
    (batch,) = datasets.load(dataset).stream("test", Plan(1 << 20))
    table = pa.Table.from_batches([batch])
    words = {
        name: table[name].cast(pa.string()).fill_null("?") for name in table.column_names if _is_words(table[name])
    }
    for name, column in words.items():
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)
    return path


@pytest.fixture
def raw_of(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the raw fields of a data set's test split."""
    return lambda dataset: write_raw(dataset, tmp_path / "raw.parquet")


def _is_words(column: Any) -> bool:
    return bool(pa.types.is_dictionary(column.type))


@pytest.fixture
def signs_of(tmp_path: Path) -> Callable[[Model], Path]:
    """The test split as one batch of signs, in a file."""

    def written(model: Model) -> Path:
        dataset = datasets.load(model.workload.dataset)
        adapter = FeatureColumnAdapter(model.workload.columns, dataset.schema(), keys="signs")
        (records,) = dataset.stream("test", Plan(1 << 20))
        batch = adapter.transform(records, global_size=1)
        weights = np.empty(0, np.float32) if batch.weights is None else batch.weights
        out = tmp_path / "signs.npz"
        np.savez(out, dense=batch.dense, values=batch.values, row_splits=batch.row_splits, weights=weights)
        return out

    return written


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[Path, Path], npt.NDArray[np.float32]]:
    """Predicts in a process that cannot import wideload."""

    def predicted(folder: Path, source: Path) -> npt.NDArray[np.float32]:
        out = tmp_path / "served.npy"
        packages = sysconfig.get_paths()["purelib"]
        command = [sys.executable, "-I", "-S", str(SERVER), packages, str(folder), str(source), str(out)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        found: npt.NDArray[np.float32] = np.load(out)
        return found

    return predicted
