"""Limits and kills, as the kernel reports them: on folders that are laid out like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wideload.harness.job.memory_limits import Host, in_words

GB = 10**9


@pytest.fixture
def host(tmp_path: Path):
    def make(cgroup: str, files: dict[str, str], vmstat: str = "oom_kill 5\n") -> Host:
        proc, mount = tmp_path / "proc", tmp_path / "cgroup"
        given = {
            proc / "self" / "cgroup": cgroup,
            proc / "meminfo": f"MemTotal: {16 * GB // 1024} kB\nMemAvailable: {8 * GB // 1024} kB\n",
            proc / "vmstat": vmstat,
        }
        for path, text in (given | {mount / name: text for name, text in files.items()}).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Host(proc, mount)

    return make


def test_without_cgroups_the_machine_is_the_limit(host) -> None:
    found = host("", {})
    assert found.limit_bytes() == pytest.approx(16 * GB, abs=1024)
    assert found.available_bytes() == pytest.approx(8 * GB, abs=1024)
    assert found.kills() == 5


def test_a_cgroup_of_version_2_limits_its_processes(host) -> None:
    files = {
        "job/memory.max": f"{2 * GB}\n",
        "job/memory.current": f"{GB}\n",
        "job/memory.stat": "anon 1\ninactive_file 100\nactive_file 20\n",
        "job/memory.events": "low 0\noom 3\noom_kill 2\n",
    }
    found = host("0::/job\n", files)
    assert found.limit_bytes() == 2 * GB
    assert found.available_bytes() == GB + 120
    assert found.kills() == 2


def test_a_cgroup_of_version_1_limits_its_processes(host) -> None:
    files = {
        "memory/job/memory.limit_in_bytes": f"{2 * GB}\n",
        "memory/job/memory.usage_in_bytes": f"{GB}\n",
        "memory/job/memory.stat": "cache 1\ntotal_inactive_file 100\ntotal_active_file 20\n",
        "memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    }
    found = host("9:name=systemd:/x\n4:memory:/job\n1:cpu,cpuacct:/y\n0::/\n", files)
    assert (found.limit_bytes(), found.available_bytes(), found.kills()) == (2 * GB, GB + 120, 2)


def test_the_smallest_limit_on_the_way_up_counts(host) -> None:
    found = host("0::/slice/job\n", {"slice/memory.max": f"{GB}\n", "slice/job/memory.max": "max\n"})
    assert found.limit_bytes() == GB


def test_a_path_of_the_host_is_the_mount_point_in_a_container(host) -> None:
    found = host("0::/docker/f00\n", {"memory.max": f"{GB}\n", "memory.events": "oom_kill 1\n"})
    assert (found.limit_bytes(), found.kills()) == (GB, 1)


def test_no_limit_is_the_machine(host) -> None:
    """Version 1 writes a number larger than any memory."""
    assert host("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}).limit_bytes() < 17 * GB


def test_a_use_above_the_limit_leaves_nothing(host) -> None:
    files = {"memory.max": "1000\n", "memory.current": "2000\n"}
    assert host("0::/\n", files).available_bytes() == 0


def test_this_machine_reports_something() -> None:
    found = Host()
    assert 0 < found.available_bytes() <= found.limit_bytes()
    assert found.kills() >= 0


@pytest.mark.parametrize(("size", "words"), [(1_800_000_000, "1.8 GB"), (350_000_000, "350 MB"), (10**9, "1.0 GB")])
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
