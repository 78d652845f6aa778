"""wideload measures how to distribute a Wide & Deep model: parameter server or allreduce.

Packages (each is a folder at the top of the repository, linked here so that it imports as ``wideload.<package>``)::

    harness     experiment -> cases -> mpirun jobs -> records
    strategies  the entries in the race, all behind one contract
    datasets    real and planted data -> columnar shards on disk + a schema
    reports     records -> one HTML file

Importing this package imports neither TensorFlow nor MPI: public names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wideload import moved
from wideload.registry import loaded_on_use

if TYPE_CHECKING:
    from wideload._native import AdaGrad as AdaGrad
    from wideload._native import Slice as Slice
    from wideload._native import SparseTable as SparseTable
    from wideload.harness.records.results import load_results as load_results

__version__ = "0.1.0"

_LAZY = {
    "AdaGrad": "wideload._native",
    "Slice": "wideload._native",
    "SparseTable": "wideload._native",
    "load_results": "wideload.harness.records.results",
}

__all__ = ["AdaGrad", "Slice", "SparseTable", "__version__", "load_results"]

__getattr__ = loaded_on_use(__name__, _LAZY)

moved.install()
