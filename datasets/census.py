"""``census``: Census Income (UCI Adult), the data set of the original Wide & Deep tutorial; ships with the package.

Rows: 32,561 for training and 16,281 for testing, as published. Label: income above 50,000 dollars a year. ``?`` is
kept as a value like any other. ``fnlwgt``, the census bureau's sampling weight, is left out because it says how many
people a row represents, not what they earn. The licence and the citation are in ``census_income/README.md``; the
folder was written by ``wideload data prepare census``.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from wideload.datasets.shards import Shards
from wideload.options import Options


class Census(Shards):
    name: ClassVar[str] = "census"
    summary: ClassVar[str] = "Census Income (UCI Adult), 48,842 rows, ships with wideload"
    Options: ClassVar[type[Options]] = Options

    def _root(self) -> str:
        return str(Path(__file__).with_name("census_income"))
