"""A machine in a folder leaves nothing behind, however the program that made it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import fresh, machine
from tools.machine import Machine

needs_root = pytest.mark.skipif(bool(machine.unavailable()), reason=machine.unavailable() or "-")

LINGERS = """
import signal, sys, pathlib
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
sys.path.insert(0, {root!r})
from tools import machine
with machine.folder() as place:
    own = machine.Machine(place / "m", place / "log")
    (place / "m").mkdir()
    print(place, flush=True)
    own.outside(["sh", "-c", f"mount -t tmpfs none {{place}}/m; echo mounted; sleep 600.{number}"])
"""


def lingering(tmp_path: Path, number: int) -> tuple[subprocess.Popen[str], Path]:
    """A program within whose folder something is mounted, and waits."""
    script = LINGERS.format(root=str(fresh.ROOT), number=number)
    environ = {"TMPDIR": str(tmp_path), "PATH": "/sbin:/usr/sbin:/bin:/usr/bin"}
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environ)
    assert running.stdout is not None
    place = Path(running.stdout.readline().strip())
    while "mounted" not in running.stdout.readline():
        assert running.poll() is None
    eventually(lambda: bool(left(place, number)))
    return running, place


def left(place: Path, number: int) -> list[str]:
    """Mounts in the folder, and processes of its machine, that can still be seen."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place) in line]
    wanted = f"sleep\x00600.{number}\x00"
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if wanted in path.read_text() else []
        except OSError:
            continue
    return mounts + found


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_root
@pytest.mark.parametrize("number", [int(signal.SIGINT), int(signal.SIGTERM)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_one_leaves_no_mount_no_process_and_no_folder(tmp_path: Path, number: int) -> None:
    running, place = lingering(tmp_path, number)
    assert not [line for line in left(place, number) if "tmpfs" in line]  # the mount is seen inside only
    running.send_signal(number)
    running.communicate(timeout=30)
    eventually(lambda: not left(place, number))
    assert not place.exists()


@needs_root
def test_a_killed_one_leaves_a_folder_that_the_next_one_removes(tmp_path: Path) -> None:
    running, place = lingering(tmp_path, 9)
    running.kill()
    running.communicate(timeout=30)
    eventually(lambda: not left(place, 9))
    assert place.exists()
    after, other = lingering(tmp_path, 2)
    assert not place.exists()
    after.send_signal(signal.SIGINT)
    after.communicate(timeout=30)
    assert not other.exists()


@needs_root
def test_a_machine_has_its_own_processes_and_gives_the_exit_code(tmp_path: Path) -> None:
    """Here the machine is this one, bound below a folder: what counts is the door, not the Debian behind it."""
    root = tmp_path / "root"
    root.mkdir()
    own = Machine(root, tmp_path / "log")
    inner = f"mount --rbind / {root} && cd {root} && mount -t proc proc proc && chroot . sh -c 'echo $$; exit 7'"
    assert own.outside(["sh", "-c", inner]) == 7
    assert int(own.log.read_text()) < 20
    assert list(root.iterdir()) == []


def test_words_choose_users_tests_and_suite() -> None:
    commit = fresh.head()
    assert fresh.parse([]) == fresh.Request(users=("root", "user"), commit=commit)
    assert fresh.parse(["tests", "user"]) == fresh.Request(users=["user"], tests=True, commit=commit)
    with pytest.raises(ValueError, match="'sarge' is not one of tests, root, user, bookworm"):
        fresh.parse(["sarge"])


def test_the_verdict_asks_for_every_strategy_of_the_demo_and_for_each_to_be_ok(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "demo_x.toml").write_text('strategies = ["a", "b"]\n[workload]\ndataset = "census"\n')
    assert fresh.demo_faults(tmp_path) == ["there is no report", "a has no case on census", "b has no case on census"]
    runs = tmp_path / "runs" / "demo"
    runs.mkdir(parents=True)
    (runs / "report.html").touch()
    records = [
        {"strategy": name, "dataset": "census", "status": status} for name, status in (("a", "ok"), ("b", "refused"))
    ]
    (runs / "runs.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert fresh.demo_faults(tmp_path) == ["b on census is refused"]
    (runs / "runs.jsonl").write_text((runs / "runs.jsonl").read_text().replace("refused", "ok"))
    assert fresh.demo_faults(tmp_path) == []


def test_the_readme_has_the_three_lines_that_a_newcomer_types() -> None:
    install, demo, tests = fresh.readme_lines()
    assert install.startswith("apt-get install ")
    assert demo.endswith("nox -s demo")
    assert tests.endswith("nox -s tests")
