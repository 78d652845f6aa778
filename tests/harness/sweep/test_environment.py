"""What a run records about its environment."""

from __future__ import annotations

import pytest

from wideload.harness.sweep.environment import describe


def test_variables_that_change_a_measurement_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_XLA_FLAGS", "HOROVOD_FUSION_THRESHOLD"):
        monkeypatch.setenv(name, "7")
        assert describe()["variables"][name] == "7"


@pytest.mark.parametrize("name", ["TF_TOKEN_app_terraform_io", "TF_VAR_password", "TF_CLI_CONFIG_FILE", "AWS_SECRET"])
def test_secrets_of_other_programs_are_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "secret")
    assert "secret" not in str(describe())
