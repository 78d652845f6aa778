"""Ends the processes of a job: the descendants of ``mpirun``, whatever process group they are in, and the ranks whose
pid is known from their status.

Supervisors get SIGTERM first, so that they can finish their logs; then everything gets SIGKILL; then it is checked that
all have ended. A process is identified by pid and start time, so a pid that the system has reused is never touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess

import psutil

from wideload.harness.job.messages import RankStatus

POLITE_SECONDS = 2.0
GONE_SECONDS = 5.0


class Tree:
    """The processes of one job on this host, as they are when this object is created."""

    def __init__(self, launcher: subprocess.Popen[bytes], statuses: list[RankStatus]) -> None:
        self._launcher = launcher
        self._processes = _below(launcher) + _reported(statuses)

    def end(self) -> None:
        """Ends all processes. Returns when they are gone, or when this user cannot end them."""
        alive = psutil.wait_procs(self._processes, timeout=0)[1]
        if self._launcher.poll() is None:
            self._launcher.terminate()
        for process in alive:
            if _is_supervisor(process):
                _send(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(alive, timeout=POLITE_SECONDS if alive else 0)
        for process in alive:
            # A stopped process handles no other signal until it is continued.
            _send(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=GONE_SECONDS)
        self._reap()

    def _reap(self) -> None:
        try:
            self._launcher.wait(timeout=POLITE_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._launcher.pid, signal.SIGKILL)
            self._launcher.wait()


def _below(launcher: subprocess.Popen[bytes]) -> list[psutil.Process]:
    if launcher.poll() is not None:
        return []
    try:
        return psutil.Process(launcher.pid).children(recursive=True)
    except psutil.Error:
        return []


def _reported(statuses: list[RankStatus]) -> list[psutil.Process]:
    """Ranks and supervisors of this host. If the launcher is lost, they are no longer its descendants."""
    found = []
    pids = [
        pid for status in statuses if status.host == socket.gethostname() for pid in (status.supervisor_pid, status.pid)
    ]
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if any("wideload.harness" in argument for argument in process.cmdline()):
                found.append(process)
    return found


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "wideload.harness.job.supervisor" in process.cmdline()
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
