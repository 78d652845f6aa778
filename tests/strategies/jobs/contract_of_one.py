"""The contract of one strategy, named in WIDELOAD_TEST_ALONE, which has pytest's process to itself."""

import os

from wideload.testing import TrainerContract


class TestAlone(TrainerContract):
    strategy = os.environ["WIDELOAD_TEST_ALONE"]
