"""Every rank has a supervisor: ``mpirun`` starts the supervisors, and each supervisor starts its rank.

::

    mpirun ── supervisor 0 ── rank 0    the supervisor copies the rank's output into a capped log
           └─ supervisor 1 ── rank 1    and, as its parent, learns how the rank ended

The supervisor imports nothing heavy and does not take part in MPI. It holds a copy of the rank's connection to the
launcher, so the launcher learns of a rank's death only after the supervisor has recorded how it died. When the
supervisor dies, the kernel kills the rank; when the launcher dies, the supervisor kills the rank.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from wideload.errors import UsageError
from wideload.harness.job import cpu_limits, messages
from wideload.harness.job.capped_log import CappedLog
from wideload.harness.job.heartbeat import VARIABLE, Heartbeat
from wideload.harness.job.memory_limits import Host
from wideload.harness.job.memory_sampler import Sampler
from wideload.harness.job.proxies import PROXY_FREE

POLL_SECONDS = 0.2
STATUS_SECONDS = 1.0
_RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """Starts one rank, watches it and records how it ended."""

    def __init__(self, job_file: Path, memory: Host = Host()) -> None:  # noqa: B008 - immutable
        job = messages.read(job_file, messages.Job)
        if job is None:
            raise UsageError(f"{job_file} is not a job file that this version can read.")
        self.job = job
        self.rank = rank_from_environment()
        self.log_path = log_path(Path(job.logs), job.case.case_id, self.rank)
        self.heartbeat = Heartbeat.create()
        self.log = CappedLog(self.log_path, job.log_limit)
        self.memory = memory
        self.kills_before = self.memory.kills()
        self.child = self._start(job_file)
        self.sampler = Sampler(self.child.pid)
        self.rank_status = messages.RankStatus(
            rank=self.rank, host=socket.gethostname(), pid=self.child.pid, supervisor_pid=os.getpid()
        )
        self.ending = False

    def run(self) -> int:
        """Watches until the rank has ended; returns the exit code for the launcher."""
        signal.signal(signal.SIGTERM, self._end)
        parent = os.getppid()
        copier = threading.Thread(target=self._copy_output, daemon=True)
        copier.start()
        next_status = 0.0
        changed = time.monotonic()
        while True:
            gone, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if gone:
                break
            if os.getppid() != parent:
                self._end()
            now = time.monotonic()
            reading = self.heartbeat.read()
            if reading.sent != self.rank_status.heartbeats:
                changed = now
            self.sampler.sample()
            if now >= next_status:
                self._write_status(
                    heartbeats=reading.sent, step=reading.step, phase=reading.phase, idle_seconds=now - changed
                )
                next_status = now + STATUS_SECONDS
            time.sleep(POLL_SECONDS)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        # A grandchild may keep the pipe open for ever.
        copier.join(timeout=2.0)
        self.log.close()
        return self._record_end(self.child.returncode, usage)

    def _start(self, job_file: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "wideload.harness.rank.main", str(job_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Not every launcher passes variables on to other hosts.
            env={**os.environ, **PROXY_FREE, VARIABLE: str(self.heartbeat.path)},
            close_fds=False,
            preexec_fn=die_with_parent,
        )

    def _copy_output(self) -> None:
        assert self.child.stdout is not None
        descriptor = self.child.stdout.fileno()
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(descriptor, 65_536):
                self.log.write(chunk)

    def _end(self, *_: Any) -> None:
        self.ending = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)

    def _write_status(self, **changes: Any) -> None:
        common = {
            "count": self.rank_status.count + 1,
            "stopped": self.sampler.stopped(),
            "peak_pss_bytes": self.sampler.peak_pss_bytes,
            "supervisor_cpu_seconds": time.process_time(),
            "log_bytes": self.log.written,
        }
        self.rank_status = self.rank_status.model_copy(update=common | changes)
        # A full disk must not end a healthy rank.
        with contextlib.suppress(OSError):
            messages.write(messages.status_path(self.job.path, self.rank), self.rank_status)

    def _record_end(self, code: int, usage: Any) -> int:
        self.heartbeat.remove()
        reading = self.heartbeat.read()
        self._write_status(
            heartbeats=reading.sent,
            step=reading.step,
            phase=reading.phase,
            ended=True,
            stopped=False,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            out_of_memory=code == -signal.SIGKILL and self.memory.kills() > self.kills_before,
            memory_limit_bytes=self.memory.limit_bytes(),
            cpus=sorted(os.sched_getaffinity(0)),
            cpu_quota=cpu_limits.Host().quota(),
            peak_rss_bytes=usage.ru_maxrss * 1024,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            context_switches=usage.ru_nvcsw + usage.ru_nivcsw,
        )
        return code if code >= 0 else 128 - code


def rank_from_environment() -> int:
    """The rank of this process, known before MPI is initialised; 0 without a launcher."""
    return next((int(os.environ[name]) for name in _RANK_VARIABLES if name in os.environ), 0)


def log_path(logs: Path, case_id: str, rank: int) -> Path:
    return logs / f"{case_id}.{rank}.log"


def die_with_parent() -> None:
    """Runs in the child: asks the kernel to kill it when its parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(Supervisor(Path(sys.argv[1])).run())
