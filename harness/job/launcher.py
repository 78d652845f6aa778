"""Starts the job of one case and waits until nothing of it is left.

::

    case ─► state folder + job.json ─► mpirun (own session) ─► watchdog ─► Verdict ─► statuses and outcomes of the ranks

The verdict rests on what the ranks and their supervisors wrote, not on the exit code of ``mpirun``: MPICH's is 0 even
for a rank that leaves without finalising MPI.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wideload.errors import WideloadError
from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.remote import RemoteFolder
from wideload.harness.cluster import THREADS_VARIABLE
from wideload.harness.experiment.case import Case
from wideload.harness.experiment.checkpointing import Settings
from wideload.harness.job import messages, places
from wideload.harness.job.capped_log import DEFAULT_LIMIT
from wideload.harness.job.limits import Limits
from wideload.harness.job.messages import Job, Outcome, RankStatus
from wideload.harness.job.mpi import Hosts, Mpi
from wideload.harness.job.places import Place
from wideload.harness.job.proxies import PROXY_FREE
from wideload.harness.job.supervisor import die_with_parent, log_path
from wideload.harness.job.watchdog import Verdict, Watchdog

Progress = Callable[[list[RankStatus]], None]


@dataclass(frozen=True, slots=True)
class Launcher:
    """How jobs are started in one run folder.

    Attributes:
        run: the run folder.
        environment: variables that override those that wideload sets.
        checkpoints: how often cases are saved, or None. Each case has its own folder.
    """

    mpi: Mpi
    run: Path
    limits: Limits
    hosts: Hosts = field(default_factory=Hosts)
    environment: Mapping[str, str] = field(default_factory=dict)
    log_limit: int = DEFAULT_LIMIT
    checkpoints: Settings | None = None

    def launch(self, case: Case, progress: Progress = lambda _: None, fresh: bool = False) -> Finished:
        """Runs the case until it ends, well or badly. Nothing that it started is left running.

        A case that has checkpoints resumes from the last of them, unless ``fresh`` is set.
        """
        job_file = self._prepare(case, fresh)
        started, begun = time.time(), time.monotonic()
        launcher_log = self._logs / f"{case.case_id}.mpirun.log"
        with launcher_log.open("wb") as output:
            process = subprocess.Popen(
                self.command(case),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self.mpi.inherited(os.environ), **variables(case, self.mpi), **self.environment},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
            watchdog = Watchdog(
                process,
                case,
                job_file.parent,
                self.limits,
                progress,
                launcher_log=launcher_log,
                several_hosts=self._several_hosts,
            )
            verdict = watchdog.watch()
        return self._finished(case, job_file.parent, verdict, started, time.monotonic() - begun)

    def command(self, case: Case) -> list[str]:
        """The complete command line of the case."""
        job_file = self._state(case) / "job.json"
        return [
            *self.mpi.command(case.processes, self._hosts_of(case)),
            sys.executable,
            "-m",
            "wideload.harness.job.supervisor",
            str(job_file),
        ]

    def places(self, processes: int) -> list[Place]:
        """Where so many processes would run, in no order; none if the hosts do not answer."""
        if not self._several_hosts:
            return [Place.here()] * processes
        with tempfile.TemporaryDirectory() as folder:
            hosts = self.hosts.prepared(Path(folder), self.mpi.flavour)
            command = [*self.mpi.command(processes, hosts), *places.program()]
            environment = {**self.mpi.inherited(os.environ), **self.mpi.environment(), **self.environment}
            return places.ask(command, environment, processes)

    @property
    def _several_hosts(self) -> bool:
        return self.hosts.hostfile is not None or self.mpi.flavour == "srun"

    def shell_line(self, case: Case) -> str:
        """A line that repeats the case when it is pasted into a shell."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in variables(case, self.mpi).items()]
        hidden = [part for name in self.mpi.hidden for part in ("-u", name)]
        return " ".join([*(["env", *hidden] if hidden else []), *settings, shlex.join(self.command(case))])

    def _hosts_of(self, case: Case) -> Hosts:
        """Where the case runs; its state folder has the host file in the syntax of the launcher."""
        folder = self._state(case)
        return self.hosts.prepared(folder, self.mpi.flavour) if folder.is_dir() else self.hosts

    @property
    def _logs(self) -> Path:
        return self.run.absolute() / "logs"

    def _state(self, case: Case) -> Path:
        return self.run.absolute() / "state" / case.case_id

    def resumable(self, case: Case) -> bool:
        """Whether the case has a checkpoint to resume from, here or in the store to which checkpoints are copied."""
        if self.checkpoints is None:
            return False
        return bool(self._checkpoints(case).names()) or self._is_mirrored(case)

    def _is_mirrored(self, case: Case) -> bool:
        url = self._mirror(case)
        try:
            return url is not None and bool(RemoteFolder.at(url).names())
        except WideloadError:
            return False

    def _checkpoints(self, case: Case) -> CheckpointFolder:
        return CheckpointFolder(self.run.absolute() / "checkpoints" / case.case_id)

    def _prepare(self, case: Case, fresh: bool) -> Path:
        folder = self._state(case)
        if fresh:
            self._discard(case)
        keep = messages.PREDICTIONS if self._checkpoints(case).names() else ""
        for path in folder.iterdir() if folder.is_dir() else ():
            if not (keep and path.match(keep)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(exist_ok=True)
        job = Job(
            case=case,
            folder=str(folder),
            logs=str(self._logs),
            log_limit=self.log_limit,
            checkpoints=self._settings(case),
        )
        messages.write(folder / "job.json", job)
        return folder / "job.json"

    def _discard(self, case: Case) -> None:
        self._checkpoints(case).discard()
        url = self._mirror(case)
        if url is not None:
            RemoteFolder.at(url).discard()

    def _mirror(self, case: Case) -> str | None:
        if self.checkpoints is None or self.checkpoints.mirror is None:
            return None
        return f"{self.checkpoints.mirror.rstrip('/')}/{case.case_id}"

    def _settings(self, case: Case) -> Settings | None:
        if self.checkpoints is None:
            return None
        settings = {"folder": str(self._checkpoints(case).root), "mirror": self._mirror(case)}
        return self.checkpoints.model_copy(update=settings)

    def _finished(self, case: Case, folder: Path, verdict: Verdict, started: float, seconds: float) -> Finished:
        ranks = range(case.processes)
        return Finished(
            case=case,
            verdict=verdict,
            folder=folder,
            statuses=[messages.read(messages.status_path(folder, rank), RankStatus) for rank in ranks],
            outcomes=[messages.read(messages.outcome_path(folder, rank), Outcome) for rank in ranks],
            logs=[log_path(self._logs, case.case_id, rank) for rank in ranks],
            launcher_log=self._logs / f"{case.case_id}.mpirun.log",
            command=self.shell_line(case),
            started=started,
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that has ended, with everything its processes left behind; None where a rank left nothing."""

    case: Case
    verdict: Verdict
    folder: Path
    statuses: list[RankStatus | None]
    outcomes: list[Outcome | None]
    logs: list[Path]
    launcher_log: Path
    command: str
    started: float
    seconds: float


def variables(case: Case, mpi: Mpi) -> dict[str, str]:
    """Environment of the ranks: the same number of threads for every strategy, whichever library does the computing."""
    threads = str(case.threads_per_process)
    return {
        THREADS_VARIABLE: threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONUNBUFFERED": "1",
        **PROXY_FREE,
        **mpi.environment(),
    }
