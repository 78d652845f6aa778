"""The README's own lines on a machine as new as the one it speaks to.

::

    base         a minimal Debian: no compiler, no make, no header, no locale
                 + git, python3 and its venv: the first line must refuse, name all that is missing, download nothing
                 + what the README's apt-get line names, without recommended packages: that and nothing else
    root, user   a copy of the base each, with a clone of the commit in the home folder: the README's first line, and
                 with `tests` its second, as root or as a user who cannot install anything; then the verdict
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools import machine, prerequisites
from tools.machine import Machine

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "runs" / "fresh"
USERS = ("root", "user")
SUITES = ("bookworm",)
FOR_NOX = ("git", "python3", "python3-venv")
APT = {"DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class Request:
    """What to try: which users, whether the tests too, on which Debian; ``commit`` is of this repository."""

    suite: str = SUITES[0]
    users: Sequence[str] = USERS
    tests: bool = False
    commit: str = "HEAD"


@dataclass
class Verdict:
    """What happened to one newcomer: minutes by part, what went wrong, what else is worth a word."""

    name: str
    minutes: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        times = [f"{part} {minutes:.1f} min" for part, minutes in self.minutes.items()]
        said = "; ".join(self.faults) if self.faults else "ok"
        return f"  {self.name:5} {said} ({'; '.join([*times, *self.notes])})"

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.minutes[part] = (time.monotonic() - started) / 60

    def require(self, code: int, what: str) -> None:
        if code != 0:
            self.faults.append(f"{what} ended with {code}")


def parse(words: Sequence[str]) -> Request:
    """``["tests", "user", "bookworm"]``, in any order."""
    valid = ("tests", *USERS, *SUITES)
    if unknown := [word for word in words if word not in valid]:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(valid)}.")
    return Request(
        suite=next((word for word in words if word in SUITES), SUITES[0]),
        users=[user for user in USERS if user in words] or USERS,
        tests="tests" in words,
        commit=head(),
    )


def run(request: Request) -> bool:
    """Whether everyone got through; prints what happened and how long it took."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with machine.folder() as place:
        base = Machine(place / "base", _log(request, "base"))
        verdicts = [make_base(base, request)]
        for user in () if verdicts[0].faults else request.users:
            verdicts.append(newcomer(base.copy(place / user, _log(request, user)), user, request))  # noqa: PERF401
    print(f"\nCommit {request.commit[:12]} on a new {request.suite} (logs: {LOGS.relative_to(ROOT)}):")
    print(*verdicts, sep="\n", flush=True)
    return not any(verdict.faults for verdict in verdicts)


def _log(request: Request, name: str) -> Path:
    log = LOGS / f"{request.suite}-{name}.log"
    log.write_text("")
    return log


def readme_lines() -> tuple[str, str, str]:
    """What the README tells a newcomer to type: the apt-get line, the demo, the tests."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (install,) = re.findall(r"^(apt-get install .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    demo, tests = re.findall(r"^(python3 -m venv .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    return install, demo, tests


# ------------------------------------------------------------------------------------------- the base


def make_base(base: Machine, request: Request) -> Verdict:
    """A minimal Debian that has what the README asks for, and that was refused before it had."""
    verdict = Verdict("base")
    with verdict.timed("debootstrap"):
        if not base.debootstrap(request.suite):
            verdict.faults.append("debootstrap failed")
            return verdict
    _refusal(base, request.commit, verdict)
    install, _, _ = readme_lines()
    with verdict.timed("apt-get"):
        verdict.require(base.inside("root", f"{install} --no-install-recommends --yes", **APT), install)
    return verdict


def _refusal(base: Machine, commit: str, verdict: Verdict) -> None:
    """Without a compiler and headers, the first line must name both and begin nothing."""
    install = f"apt-get update -q && apt-get install -y --no-install-recommends {' '.join(FOR_NOX)}"
    verdict.require(base.inside("root", install, **APT), install)
    clone = clone_for(base, "root", commit)
    _, demo, _ = readme_lines()
    prepare, _, session = demo.rpartition(" && ")
    verdict.require(base.inside("root", f"cd wideload && {prepare}"), prepare)
    with verdict.timed("refusal"):
        code = base.inside("root", f"cd wideload && {session}")
    said = base.log.read_text(encoding="utf-8", errors="replace").rpartition("cannot be made yet")[2]
    lacking = [package for package in prerequisites.PACKAGES if package not in FOR_NOX]
    verdict.faults += [f"what is missing is not named: {package}" for package in lacking if package not in said]
    if code == 0 or (clone / ".nox").exists():
        verdict.faults.append("an environment was begun that cannot be built")
    shutil.rmtree(clone)


# --------------------------------------------------------------------------------------- the newcomer


def newcomer(own: Machine, user: str, request: Request) -> Verdict:
    """Follows the README on a machine of their own."""
    verdict = Verdict(user)
    if user != "root":
        own.inside("root", f"useradd --create-home --shell /bin/bash {user}")
    clone = clone_for(own, user, request.commit)
    _, first, second = readme_lines()
    with verdict.timed("demo"):
        verdict.require(own.inside(user, f"cd wideload && {first}"), "the first line")
    verdict.faults += demo_faults(clone)
    if request.tests:
        with verdict.timed("tests"):
            verdict.require(own.inside(user, f"cd wideload && {second}"), "the second line")
        said = own.log.read_text(encoding="utf-8", errors="replace")
        verdict.notes += re.findall(r"^=+ (.*\d+ (?:passed|failed).*?) =+$", said, re.MULTILINE)[-1:]
    return verdict


def demo_faults(clone: Path) -> list[str]:
    """What the demo left undone: every strategy of its experiments must have a case, each ``ok``, and a report."""
    runs = clone / "runs" / "demo"
    faults = [] if (runs / "report.html").exists() else ["there is no report"]
    lines = (runs / "runs.jsonl").read_text(encoding="utf-8").splitlines() if (runs / "runs.jsonl").exists() else []
    records = [json.loads(line) for line in lines]
    faults += [f"{one['strategy']} on {one['dataset']} is {one['status']}" for one in records if one["status"] != "ok"]
    for path in sorted((clone / "experiments").glob("demo_*.toml")):
        experiment = tomllib.loads(path.read_text(encoding="utf-8"))
        data = experiment["workload"]["dataset"]
        done = {one["strategy"] for one in records if one["dataset"] == data}
        faults += [f"{strategy} has no case on {data}" for strategy in experiment["strategies"] if strategy not in done]
    return faults


def clone_for(own: Machine, user: str, commit: str) -> Path:
    """The commit, in the user's home folder and theirs."""
    target = own.home(user) / "wideload"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "--quiet", "--detach", commit], check=True)
    own.inside("root", f"chown -R {user}:{user} {shlex.quote(machine.HOMES[user])}/wideload")
    return target


def head() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
