"""``tools`` belongs to the repository, not to the package: like noxfile.py, this adds the repository to the path."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
