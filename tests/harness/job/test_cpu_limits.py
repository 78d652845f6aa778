"""Quotas and throttled time, as the kernel reports them: on folders that are laid out like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wideload.harness.job.cpu_limits import Host

Make = Callable[..., Host]


@pytest.fixture
def host(tmp_path: Path) -> Make:
    def make(cgroup: str, files: dict[str, str]) -> Host:
        proc, mount = tmp_path / "proc", tmp_path / "cgroup"
        (mount / "cpu").mkdir(parents=True)
        for path, text in {proc / "self" / "cgroup": cgroup, **{mount / name: files[name] for name in files}}.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Host(proc, mount)

    return make


def test_there_may_be_no_quota(host: Make) -> None:
    found = host("0::/\n", {"cpu.max": "max 100000\n", "cpu.stat": "usage_usec 5\n"})
    assert (found.quota(), found.throttled_seconds()) == (None, 0)


def test_a_quota_of_version_2_is_a_share_of_its_period(host: Make) -> None:
    files = {"box/cpu.max": "150000 100000\n", "box/cpu.stat": "nr_throttled 3\nthrottled_usec 2500000\n"}
    found = host("0::/box\n", files)
    assert (found.quota(), found.throttled_seconds()) == (1.5, 2.5)


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_a_quota_of_version_1_is_in_two_files(host: Make, controllers: str) -> None:
    files = {
        f"{controllers}/box/cpu.cfs_quota_us": "100000\n",
        f"{controllers}/box/cpu.cfs_period_us": "100000\n",
        f"{controllers}/box/cpu.stat": "nr_periods 223\nnr_throttled 175\nthrottled_time 9000000000\n",
    }
    found = host(f"4:{controllers}:/box\n1:memory:/\n", files)
    assert (found.quota(), found.throttled_seconds()) == (1, 9)


def test_no_quota_of_version_1_is_minus_one(host: Make) -> None:
    found = host("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"})
    assert found.quota() is None


def test_the_smallest_quota_on_the_way_up_counts(host: Make) -> None:
    found = host("0::/pod/box\n", {"pod/box/cpu.max": "max 100000\n", "pod/cpu.max": "200000 100000\n"})
    assert found.quota() == 2


def test_where_the_kernel_reports_nothing_there_is_no_quota(tmp_path: Path) -> None:
    found = Host(tmp_path, tmp_path)
    assert (found.quota(), found.throttled_seconds()) == (None, 0)
