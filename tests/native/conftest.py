from __future__ import annotations

import pytest

pytest.importorskip("wideload._native", reason="the native module is not built")
