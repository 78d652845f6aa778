"""One warden beside every rank: ``mpirun`` starts wardens, a warden starts its rank.

::

    mpirun ── warden 0 ── rank 0        the rank's output goes through the warden into a capped log
           └─ warden 1 ── rank 1        the rank's end, whichever way, is seen by the process that may reap it

The warden imports nothing heavy and takes no part in MPI. It keeps its copy of the rank's connection to the launcher
open: the launcher learns of a rank's death when the warden has written down how it died, not before. When the warden
goes, the kernel ends the rank; when the launcher goes, the warden ends the rank.
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
from wideload.harness.job import messages
from wideload.harness.job.capped_log import CappedLog
from wideload.harness.job.heartbeat import VARIABLE, Heartbeat
from wideload.harness.job.memory_sampler import Sampler

POLL_SECONDS = 0.2
STATUS_SECONDS = 1.0
_RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """Starts, watches and buries one rank."""

    def __init__(self, job_file: Path) -> None:
        job = messages.read(job_file, messages.Job)
        if job is None:
            raise UsageError(f"{job_file} is not a job file that this version can read.")
        self.job = job
        self.rank = rank_from_environment()
        self.log_path = log_path(Path(job.logs), job.case.case_id, self.rank)
        self.heartbeat = Heartbeat.create()
        self.log = CappedLog(self.log_path, job.log_limit)
        self.child = self._start(job_file)
        self.sampler = Sampler(self.child.pid)
        self.rank_status = messages.RankStatus(
            rank=self.rank, host=socket.gethostname(), pid=self.child.pid, warden_pid=os.getpid()
        )
        self.ending = False

    def run(self) -> int:
        """Until the rank is gone; returns the exit code that the launcher shall see."""
        signal.signal(signal.SIGTERM, self._end)
        parent = os.getppid()
        pump = threading.Thread(target=self._pump, daemon=True)
        pump.start()
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
            if reading.sent != self.rank_status.beats:
                changed = now
            self.sampler.sample()
            if now >= next_status:
                self._write_status(
                    beats=reading.sent, step=reading.step, phase=reading.phase, idle_seconds=now - changed
                )
                next_status = now + STATUS_SECONDS
            time.sleep(POLL_SECONDS)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        # A grandchild may hold the pipe open for ever.
        pump.join(timeout=2.0)
        self.log.close()
        return self._record_end(self.child.returncode, usage)

    def _start(self, job_file: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "wideload.harness.rank.main", str(job_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, VARIABLE: str(self.heartbeat.path)},
            close_fds=False,
            preexec_fn=die_with_parent,
        )

    def _pump(self) -> None:
        assert self.child.stdout is not None
        descriptor = self.child.stdout.fileno()
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(descriptor, 65_536):
                self.log.write(chunk)

    def _end(self, *_: Any) -> None:
        self.ending = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)

    def _write_status(self, **news: Any) -> None:
        common = {
            "count": self.rank_status.count + 1,
            "stopped": self.sampler.stopped(),
            "peak_pss_bytes": self.sampler.peak_pss_bytes,
            "warden_cpu_seconds": time.process_time(),
            "log_bytes": self.log.written,
        }
        self.rank_status = self.rank_status.model_copy(update=common | news)
        # A full disk must not end a healthy rank.
        with contextlib.suppress(OSError):
            messages.write(messages.status_path(self.job.path, self.rank), self.rank_status)

    def _record_end(self, code: int, usage: Any) -> int:
        self.heartbeat.remove()
        reading = self.heartbeat.read()
        self._write_status(
            beats=reading.sent,
            step=reading.step,
            phase=reading.phase,
            ended=True,
            stopped=False,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            peak_rss_bytes=usage.ru_maxrss * 1024,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            context_switches=usage.ru_nvcsw + usage.ru_nivcsw,
        )
        return code if code >= 0 else 128 - code


def rank_from_environment() -> int:
    """The rank of this process, before MPI is initialised; 0 without a launcher."""
    return next((int(os.environ[name]) for name in _RANK_VARIABLES if name in os.environ), 0)


def log_path(logs: Path, case_id: str, rank: int) -> Path:
    return logs / f"{case_id}.{rank}.log"


def die_with_parent() -> None:
    """Runs in the child: the kernel shall kill it when its parent goes."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(Supervisor(Path(sys.argv[1])).run())
