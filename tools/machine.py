"""A Debian in a folder: programs run in it as one of its users, and nothing of it is left when they end.

Mounts live in a mount namespace and processes in a PID namespace of their own. Both vanish with the program that made
them, however it ends. The folder is removed at the end, after Ctrl-C and SIGTERM too; what a kill left behind is
removed by the next run. Needs root, for debootstrap and for the namespaces.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PREFIX = "wideload-fresh-"
HOMES = {"root": "/root", "user": "/home/user"}
PROGRAMS = ("debootstrap", "unshare", "chroot", "setpriv", "mount", "git")

INHERITED = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|no|all)_proxy", re.IGNORECASE)
SETTINGS = ("/etc/xdg/pip", "/etc/ssl/certs", "/usr/local/share/ca-certificates")
"""Of this machine, copied as they are; files that pip or an inherited variable names are copied too. The second is what
the packages of Python read, the third what Debian makes it from whenever ca-certificates is installed."""

# The folder is bound onto itself because `ip netns exec`, which tests use, wants a mount point as its root.
INSIDE = """
set -e
mount --bind {root} {root}
cd {root}
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
exec chroot . {command}
"""


def unavailable() -> str:
    """Why no machine can be made here; nothing where one can."""
    if os.geteuid() != 0:
        return "only root can make a machine in a folder (debootstrap, mount namespaces)"
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"there is no {' and no '.join(lacking)} on the PATH" if lacking else ""


def inherited() -> dict[str, str]:
    """Variables of this machine that say how packages are fetched."""
    return {name: value for name, value in os.environ.items() if INHERITED.fullmatch(name)}


@dataclass(frozen=True)
class Machine:
    """A Debian below ``root``; all that its programs print goes to the screen and to ``log``."""

    root: Path
    log: Path

    def home(self, user: str) -> Path:
        """The home folder of a user of this machine, as seen from outside."""
        return self.root / HOMES[user].removeprefix("/")

    def debootstrap(self, suite: str) -> bool:
        """Makes the machine: minimal, with the package settings of the one it is made on; whether that went well."""
        if self.outside(["debootstrap", "--variant=minbase", suite, str(self.root)]) != 0:
            return False
        # As Debian's installer writes it: MPI and Slurm look up the host's own name.
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {socket.gethostname()}\n::1 localhost\n"
        (self.root / "etc" / "hosts").write_text(hosts)
        for name in dict.fromkeys((*SETTINGS, *_pip_settings(), *inherited().values())):
            self._copy(Path(name))
        return True

    def copy(self, root: Path, log: Path) -> Machine:
        subprocess.run(["cp", "--archive", "--reflink=auto", str(self.root), str(root)], check=True)
        return Machine(root, log)

    def inside(self, user: str, line: str, **variables: str) -> int:
        """Runs a shell line in the user's home folder; its exit code."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings = {"HOME": HOMES[user], "PATH": path, "LANG": "C.UTF-8", "USER": user, **inherited(), **variables}
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        shell = ["bash", "-c", f"cd {HOMES[user]} && {line}"]
        command = ["env", "-i", *(f"{name}={value}" for name, value in settings.items()), *become, *shell]
        script = INSIDE.format(root=shlex.quote(str(self.root)), command=shlex.join(command))
        return self.outside(["sh", "-c", script], shown=f"{user}: {line}")

    def outside(self, command: Sequence[str], shown: str = "") -> int:
        """Runs a program of this machine in namespaces of its own: when it or this process ends, nothing is left."""
        print(f"+ {shown or shlex.join(command)}", flush=True)
        namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        whole = ["setpriv", "--pdeathsig", "KILL", *namespaces, *command]
        with (
            self.log.open("ab") as log,
            subprocess.Popen(
                whole,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is this process's to deal with
            ) as running,
        ):
            assert running.stdout is not None
            try:
                for line in running.stdout:
                    log.write(line)
                    log.flush()
                    sys.stdout.write(line.decode(errors="replace"))
                    sys.stdout.flush()
            except BaseException:
                running.kill()
                raise
        return running.returncode

    def _copy(self, source: Path) -> None:
        if source.is_absolute() and (source.is_file() or (str(source) in SETTINGS and source.is_dir())):
            target = self.root / str(source).removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", "--no-target-directory", str(source), str(target)], check=True)


def _pip_settings() -> list[str]:
    """The files of settings that pip reads here."""
    command = [sys.executable, "-m", "pip", "config", "debug"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.findall(r"^\s+(/.*), exists: True$", said, re.MULTILINE)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards. Those of processes that were killed go first."""
    above = Path(os.environ.get("TMPDIR", "/var/tmp"))  # noqa: S108 - the name below it is random
    for stale in above.glob(f"{PREFIX}*"):
        if not Path("/proc", stale.name.removeprefix(PREFIX).partition("-")[0]).exists():
            shutil.rmtree(stale)

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=above))
    place.chmod(0o755)
    try:
        yield place
    finally:
        _remove(place)
        signal.signal(signal.SIGTERM, before)


def _remove(place: Path) -> None:
    """Programs that were just killed may write a last file while their folder is removed."""
    for _ in range(50):
        shutil.rmtree(place, ignore_errors=True)
        if not place.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(place)
