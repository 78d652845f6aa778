"""Everything that one does with this repository: ``nox -l`` lists it.

All sessions share one environment, ``.nox/env``, made and kept up to date by :func:`tools.environment.environment`.
Nothing is installed outside of it, with one exception: as root on Debian or Ubuntu, programs that are not on PyPI
(GoogleTest, Chromium, PostgreSQL, ...) are installed with apt-get when a session needs them (:mod:`tools.system`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from tools import distribution, machine, system  # noqa: E402
from tools import fresh as newcomers  # noqa: E402 - nox does not put the folder of its file on the path
from tools import matrix as support  # noqa: E402
from tools.combinations import all_combinations  # noqa: E402
from tools.environment import BUILD, Environment, environment  # noqa: E402

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "lint", "types", "docs"]


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


MOST_TEST_WORKERS = 4
"""Test files that run at once. Ranks of a job often wait for each other, so two files share two cores well."""

COVERED = ["--fail-under=95"]
"""Per cent of lines and branches that the tests must run where nothing is skipped."""


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that guards the project: C++ and Python tests, and how much they cover (arguments go to pytest)."""
    env = environment(session)
    if not session.posargs:
        native_tests(session, env)
    system.packages(session, system.TESTS)
    if session.posargs:
        env.run("python", "-m", "pytest", *session.posargs)
        return
    workers = min(len(os.sched_getaffinity(0)), MOST_TEST_WORKERS)
    env.run("coverage", "erase")
    env.run("coverage", "run", "-m", "pytest", f"--numprocesses={workers}", "--dist=loadfile", "--no-loadscope-reorder")
    env.run("coverage", "combine", "--quiet")
    env.run("coverage", "report", *(COVERED if os.environ.get("CI") == "true" else []))


@nox.session
def matrix(session: nox.Session) -> None:
    """The demo and the contract tests under every Python and TensorFlow that is supported and here."""
    rows = support.attempt(all_combinations())
    session.log("\n" + support.table(rows))
    if any(row.failed for row in rows):
        session.error("A combination failed: see the table.")


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
def fuzz(session: nox.Session) -> None:
    """Messages that no honest rank sends, under sanitizers: libFuzzer on the wire (arguments go to it)."""
    env = environment(session)
    if not system.packages(session, system.FUZZ):
        return
    compilers = {"CMAKE_C_COMPILER": "clang-16", "CMAKE_CXX_COMPILER": "clang++-16", "WIDELOAD_MPI": "OFF"}
    build = cmake(env, "fuzz", WIDELOAD_FUZZ="ON", WIDELOAD_SANITIZE="address,undefined", **compilers)
    corpus = build / "corpus"
    corpus.mkdir(exist_ok=True)
    env.run(str(build / "wire_seeds"), str(corpus))
    arguments = session.posargs or ["-max_total_time=60"]
    env.run(str(build / "wire_fuzzer"), f"-artifact_prefix={build}/", "-rss_limit_mb=4096", *arguments, str(corpus))


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, lint rules, spelling and the direction of imports, in Python and C++."""
    env = environment(session)
    env.run("codespell")
    env.run("ruff", "check", ".")
    env.run("ruff", "format", "--check", ".")
    env.run("lint-imports")
    sources = [str(path) for suffix in ("h", "cpp") for path in sorted((ROOT / "native").rglob(f"*.{suffix}"))]
    env.run("clang-format", "--dry-run", "--Werror", *sources)


@nox.session
def tidy(session: nox.Session) -> None:
    """clang-tidy over native/, with the checks of .clang-tidy; it takes some minutes (arguments are files)."""
    env = environment(session)
    sources = session.posargs or compiled(BUILD)
    env.run("clang-tidy", "-p", str(BUILD), "--quiet", *sources)


@nox.session
def types(session: nox.Session) -> None:
    """Static types: mypy --strict over the package, and the stubs of the native module against the module."""
    env = environment(session)
    env.run("mypy")
    env.run("mypy", "--strict", "-p", "tools")
    allowed = str(Path("native") / "python" / "stubtest-allowlist.txt")
    env.run("python", "-m", "mypy.stubtest", "wideload._native", "--ignore-missing-stub", "--allowlist", allowed)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into build/site; warnings, dead links and dead anchors fail."""
    env = environment(session)
    env.run("mkdocs", "build", "--strict", "--quiet", NO_MKDOCS_2_WARNING="1")
    env.run("python", "-m", "tools.site", "build/site")
    session.log(f"The documentation: {ROOT / 'build' / 'site' / 'index.html'}")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the source distribution and a wheel for any machine, both in dist/; check them, use the wheel elsewhere."""
    env = environment(session)
    distribution.build(env)
    distribution.audit(env)
    env.run("python", "-m", "tools.artefacts", "dist")
    env.run("python", "-m", "tools.elsewhere", "dist")


@nox.session
def bench(session: nox.Session) -> None:
    """Speed, as ratios within one run: the sparse table against other maps, the step against its ceiling and rivals."""
    env = environment(session)
    Path("runs").mkdir(exist_ok=True)
    if system.packages(session, system.BENCHMARK):
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
    env.run("python", "native/benchmarks/tabulate.py", str(folder), "docs/explanation/benchmarks.md")


BENCHMARKS = {"unique": "^unique/", "growth": "^growth/"} | {
    f"{rows}M-{dim}": f"^(pull|push|create)/.*/rows:{rows}000000/dim:{dim}/"
    for rows, dim in ((1, 8), (4, 8), (16, 8), (1, 16), (4, 16), (16, 16), (1, 64), (4, 64))
}
"""Parts of the C++ benchmarks that run together, by name: patterns of Google Benchmark."""


SOAKS: dict[str, tuple[list[str], dict[str, str]]] = {
    "killed": (["tests/harness/checkpoints/test_killed.py"], {"WIDELOAD_SOAK": "1"}),
    "killed-jobs": (["tests/harness/checkpoints/test_runs.py", "-k", "same_bits"], {"WIDELOAD_SOAK": "1"}),
    "damaged": (["tests/harness/checkpoints/test_damage.py"], {"WIDELOAD_SOAK": "1"}),
    "memory": (["tests/datasets/test_memory.py", "--log-cli-level=INFO"], {"WIDELOAD_SOAK_BYTES": "5000000000"}),
    "fuzz": (["tests/datasets/test_fuzz.py"], {"WIDELOAD_FUZZ_EXAMPLES": "1500"}),
    "cycles": (
        ["tests/strategies/sparse_ps/test_faults.py", "-k", "leave_nothing", "--log-cli-level=INFO"],
        {"WIDELOAD_CYCLES": "1000"},
    ),
    "killed-ranks": (["tests/strategies/sparse_ps/test_killed.py", "--log-cli-level=INFO"], {"WIDELOAD_KILLS": "100"}),
    "rows": (["tests/strategies/sparse_ps/test_memory.py", "--log-cli-level=INFO"], {"WIDELOAD_ROWS": "20000000"}),
}
"""Tests that take their time, by name: arguments of pytest, and the variables that make them long."""


@nox.session
def soak(session: nox.Session) -> None:
    """What CI does a few times, done for hours; arguments are names of soaks, all of them without any."""
    env = environment(session)
    system.packages(session, system.TESTS)
    for name in session.posargs or SOAKS:
        if name not in SOAKS:
            session.error(f"{name!r} is no soak; valid: {', '.join(SOAKS)}.")
        arguments, variables = SOAKS[name]
        session.log(f"Soak {name}")
        env.run("python", "-m", "pytest", "-s", *arguments, **variables)


@nox.session
def fresh(session: nox.Session) -> None:
    """The README's lines on a new, minimal Debian in a folder: nox -s fresh -- [tests] [root] [user] [SUITE]."""
    try:
        request = newcomers.parse(session.posargs)
    except ValueError as error:
        session.error(str(error))
    system.packages(session, system.FRESH)
    if reason := machine.unavailable():
        session.skip(f"Nothing was tried: {reason}.")
    if not newcomers.run(request):
        session.error("A newcomer would not have got through: see above.")


@nox.session
def report(session: nox.Session) -> None:
    """Write the report of a run: nox -s report -- RUN [-o FILE]."""
    environment(session).run("wideload", "report", *(session.posargs or ["--help"]))


# ---------------------------------------------------------------------------------- native builds


def cmake(env: Environment, name: str, **definitions: str) -> Path:
    """Configures and builds native/ without Python and TensorFlow into build/NAME."""
    build = ROOT / "build" / name
    settings = {"WIDELOAD_PYTHON": "OFF", "WIDELOAD_OPS": "OFF", **definitions}
    env.run("cmake", "-S", "native", "-B", str(build), "-G", "Ninja", *(f"-D{k}={v}" for k, v in settings.items()))
    env.run("cmake", "--build", str(build))
    return build


def native_tests(session: nox.Session, env: Environment, *arguments: str, sanitizer: str = "") -> None:
    if not system.packages(session, system.GTEST):
        return
    name = f"tests-{sanitizer.replace(',', '-')}" if sanitizer else "tests"
    build = cmake(env, name, WIDELOAD_TESTS="ON", WIDELOAD_SANITIZE=sanitizer)
    env.run(str(build / "wideload_tests"), "--gtest_brief=1", *arguments)


def compiled(build: Path) -> list[str]:
    """The sources that a build folder was made of."""
    return [entry["file"] for entry in json.loads((build / "compile_commands.json").read_text())]


def bench_files() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("bench_*.py"))]
