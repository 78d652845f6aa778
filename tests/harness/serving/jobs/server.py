"""A server that knows nothing of wideload: server.py SITE_PACKAGES MODEL INPUT OUT, started with ``python -I -S``.

``INPUT`` is a Parquet file of raw fields, or an .npz with a batch of signs. Writes the probabilities.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(sys.argv[1])
sys.modules["wideload"] = None  # type: ignore[assignment]  # whoever tries gets an ImportError

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import tensorflow as tf  # noqa: E402

MISSING = {"float32": float("nan"), "int64": -(2**63), "string": ""}
"""What stands for a missing value, by type, as the documentation says."""


def of_raw(folder: Path, model: Any, table: pa.Table) -> Any:
    """What the documentation tells a reader to do; ``serving.json`` lies within the SavedModel, too."""
    about = json.loads((folder / "model" / "assets.extra" / "serving.json").read_text())
    given = {
        field["input"]: tf.constant(
            [MISSING[field["type"]] if value is None else value for value in table[field["name"]].to_pylist()],
            getattr(tf, field["type"]),
        )
        for field in about["fields"]
    }
    return model.signatures["raw"](**given)["probability"]


def of_signs(model: Any, batch: dict[str, Any]) -> Any:
    signature = model.signatures["signs"]
    return signature(**{name: tf.constant(array) for name, array in batch.items()})["probability"]


def of_dictionary(folder: Path, model: Any, batch: dict[str, Any]) -> Any:
    """What the documentation tells a reader to do."""
    about = json.loads((folder / "serving.json").read_text())
    size, first, given = len(batch["dense"]), 0, {}
    for number, table in enumerate(about["tables"]):
        splits = batch["row_splits"][[first * size, (first + len(table["slots"])) * size]]
        first += len(table["slots"])
        wanted = batch["values"][slice(*splits)]
        stored = pq.read_table(folder / table["file"])
        signs = stored["sign"].to_numpy()
        rows = np.stack(stored["weights"].to_numpy()).astype(np.float32)
        place = np.searchsorted(signs, wanted).clip(max=len(signs) - 1)
        absent = model.signatures[f"absent_{number}"](signs=tf.constant(wanted))["rows"].numpy()
        given[f"rows_{number}"] = tf.constant(np.where((signs[place] == wanted)[:, None], rows[place], absent))
    rest = {name: tf.constant(batch[name]) for name in ("dense", "row_splits", "weights")}
    return model.signatures["rows"](**given, **rest)["probability"]


def main(folder: Path, source: Path, out: Path) -> None:
    model = tf.saved_model.load(str(folder / "model"))
    if source.suffix == ".parquet":
        found = of_raw(folder, model, pq.read_table(source))
    else:
        batch = dict(np.load(source))
        inside = "signs" in model.signatures
        found = of_signs(model, batch) if inside else of_dictionary(folder, model, batch)
    np.save(out, found.numpy())
    assert not [name for name in sys.modules if name.startswith("wideload.")]


if __name__ == "__main__":
    main(*map(Path, sys.argv[2:]))
