"""What the ranks send to each other goes through no proxy, however one is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.harness.experiment.case import Case
from wideload.harness.job.launcher import Launcher
from wideload.harness.job.limits import Limits
from wideload.harness.job.mpi import find
from wideload.harness.job.proxies import PROXY_FREE
from wideload.harness.workload.model import Model
from wideload.harness.workload.workload import Workload

NOWHERE = "http://127.0.0.1:9"
VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SMALL = Workload(
    dataset="planted[slots=2,vocabulary=50,numeric=1,examples=2000,test_examples=100]",
    model=Model(hidden_units=(4,)),
    batch_size=100,
    steps=3,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "node1.Example.COM", "NODE-X", "fe80::a", "[fe80::1]"])
def test_every_host_ends_like_an_entry_of_the_list(host: str) -> None:
    entries = PROXY_FREE["no_grpc_proxy"].split(",")
    assert any(host.lower().endswith(entry) for entry in entries)
    assert all(len(entry) == 1 for entry in entries)


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["multi_worker_mirrored", "tf_parameter_server"])
def test_strategies_over_grpc_train_where_every_proxy_is_a_dead_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("no_grpc_proxy", "example.com")
    monkeypatch.setenv("no_proxy", "example.com")
    case = Case(workload=SMALL, strategy=strategy, ranks=2, threads=1, evaluate=False)
    finished = Launcher(find(), tmp_path, Limits(150, 60)).launch(case)
    assert finished.verdict.status == "ok", finished.verdict
