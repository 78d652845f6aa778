"""``python -m tools.elsewhere FOLDER``: whether the wheel in a folder works where nothing of this checkout is.

::

    a new venv at another path, what the wheel asks for and nothing else: no TensorFlow, no MPI
        the table pulls and pushes, at every level of the processor, with the same bits     (tools/smoke.py)
        the commands work; wideload list says what each strategy lacks, and the line that brings it
    the packages of this environment behind it: TensorFlow, mpi4py, an MPI
        examples/train_with_ps.py trains under mpirun -n 2; one of the ranks builds the ops

It is run by the Python of the environment, whose MPI it uses.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEVELS = {"": "", "x86-64-v3": "-AVX512F", "x86-64-v2": "-AVX2"}
"""What glibc is told that the processor lacks, so that the loader chooses a level; nothing: the highest."""

LACKING = {
    "local": "pip install 'wideload[tensorflow]'",
    "sparse_ps": "pip install 'wideload[tensorflow]'",
    "horovod": "tensorflow is not installed",
}
"""What ``wideload list`` says of a strategy there."""

HIDDEN = ("PYTHONPATH", "CXX", "CC", "LD_LIBRARY_PATH", "PIP_CONSTRAINT", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Place:
    """A venv in a folder of its own, whose programs find nothing but their own and the system's."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Place:
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        return cls(folder)

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def packages(self) -> Path:
        paths = {"base": str(self.folder / "venv"), "platbase": str(self.folder / "venv")}
        return Path(sysconfig.get_path("purelib", vars=paths))

    def run(self, *command: str | Path, **variables: str) -> str:
        """What the command prints on standard output.

        Raises:
            SystemExit: it fails; what it said is printed before.
        """
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        environment |= {
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment | variables, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            print(done.stdout, done.stderr, sep="\n")
            raise SystemExit(f"Elsewhere, {' '.join(map(str, command))} ended with code {done.returncode}.")
        return done.stdout


def alone(place: Place) -> None:
    """The wheel by itself."""
    found = levels(place)
    expect(len({entry["digest"] for entry in found}) == 1, f"the bits depend on the processor: {found}")
    for entry in found:
        print(f"the table at {entry['level']}: {entry['core']}")
    states = {entry["name"]: entry for entry in json.loads(wideload(place, "list", "--json"))["strategies"]}
    for name, remedy in LACKING.items():
        expect(not states[name]["usable"] and remedy in states[name]["reason"], f"wideload list says {states[name]}")
    expect("age" in wideload(place, "data", "describe", "census"), "wideload data describe census describes nothing")


def levels(place: Place) -> list[dict[str, str]]:
    """What tools/smoke.py finds at each level of the processor that this machine has."""
    found = []
    for level, lacking in LEVELS.items():
        tunables = {"GLIBC_TUNABLES": f"glibc.cpu.hwcaps={lacking}"} if lacking else {}
        entry = json.loads(place.run(place.python, ROOT / "tools" / "smoke.py", **tunables))
        expect(entry["level"] <= level or not level, f"without {lacking} the level is {entry['level']}")
        expect(Path(entry["core"]).is_relative_to(place.folder.resolve()), f"the core was loaded from {entry['core']}")
        found.append(entry)
    return found


def with_tensorflow(place: Place) -> None:
    """The same wheel, with TensorFlow, mpi4py and the MPI of this environment behind it."""
    (place.packages / "environment.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    expect(
        str(place.folder) in place.run(place.python, "-c", "import wideload; print(wideload.__file__)"),
        "another wideload",
    )
    mpirun = Path(sys.executable).parent / "mpirun"
    launcher = str(mpirun) if mpirun.exists() else "mpirun"
    settings = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **library_of(launcher)}
    example = ROOT / "examples" / "train_with_ps.py"
    answer = place.run(launcher, "-n", "2", place.python, example, **settings)
    match = re.search(r"2 ranks, sync: auc (\d\.\d+)", answer)
    expect(match is not None and float(match[1]) > 0.88, answer)
    built = list((place.folder / "cache" / "wideload" / "ops").glob("*/libwideload_ops.so"))
    expect(len(built) == 1, f"the ops were built {len(built)} times")
    print(answer.strip().splitlines()[-1])


def library_of(mpirun: str) -> dict[str, str]:
    """Names the MPI library beside a launcher to an mpi4py that would look for it in the venv."""
    found = shutil.which(mpirun)
    libraries = sorted((Path(found).parents[1] / "lib").glob("libmpi.so.*")) if found else []
    return {"MPI4PY_LIBMPI": str(libraries[0])} if libraries else {}


def wideload(place: Place, *arguments: str) -> str:
    return place.run(place.python.with_name("wideload"), *arguments)


def expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise SystemExit(f"Elsewhere: {otherwise}")


def main(arguments: Sequence[str]) -> int:
    """Installs the wheel elsewhere, as pip's settings constrain its dependencies, and tries it."""
    (wheel,) = Path(arguments[0]).resolve().glob("*.whl")
    constraint = [f"--constraint={Path(path).resolve()}" for path in [os.environ.get("PIP_CONSTRAINT")] if path]
    with tempfile.TemporaryDirectory(prefix="wideload-elsewhere-") as folder:
        place = Place.made(Path(folder))
        place.run(place.python, "-m", "pip", "install", "--quiet", *constraint, str(wheel))
        alone(place)
        with_tensorflow(place)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
