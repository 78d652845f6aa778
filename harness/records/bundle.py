"""A run as one archive that others can read, and repeat with ``wideload verify``.

::

    NAME.tar.gz
        NAME/manifest.json    the first member: format, fingerprints of the data, a SHA-256 of every other file
        NAME/report.html      the page that `wideload report` makes of the run
        NAME/run/             the run folder: experiments, environment, packages, records, curves, logs

The data are not in it, nor are checkpoints and the raw material of ``state/``. The archive is deterministic: the same
run gives the same bytes, whoever packs it, and whenever. A file that is damaged, missing or not in the manifest is an
error.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from wideload import __version__, files
from wideload.errors import DataError, UsageError
from wideload.harness.records.results import Results
from wideload.harness.records.schema import Record

FORMAT = 1
MANIFEST = "manifest.json"
REPORT = "report.html"
RUN = "run"
PATTERNS = (
    "experiment*.toml",
    "environment.json",
    "packages.txt",
    "runs.jsonl",
    "ranks.jsonl",
    "checks.jsonl",
    "curves/*.jsonl",
    "logs/*.log",
)
"""What of a run folder belongs in a bundle."""


class Manifest(Record):
    """What a bundle holds.

    Attributes:
        format: version of this form; newer ones are refused.
        wideload: version that packed it.
        name: of the run.
        data: fingerprint of every data set, by its name in the experiment.
        files: SHA-256 by path below the bundle's folder.
    """

    format: int = FORMAT
    wideload: str = __version__
    name: str
    data: dict[str, str]
    files: dict[str, str]


def pack(run: Path, report: str, output: Path) -> Manifest:
    """Writes a run and its report as a bundle, whole or not at all.

    Args:
        run: a run folder; report: the page that was made of it.

    Raises:
        UsageError: ``run`` is no run folder, has no experiment or no finished case, or its cases of one data set did
            not all read the same data.
    """
    results = Results.read(run)
    if not (run / "experiment.toml").is_file():
        raise UsageError(f"{run} has no experiment.toml, so nobody could repeat it.")
    content = {f"{RUN}/{path.relative_to(run).as_posix()}": path.read_bytes() for path in _files(run)}
    content[REPORT] = report.encode()
    manifest = Manifest(
        name=run.resolve().name,
        data=_data(results),
        files={name: hashlib.sha256(content[name]).hexdigest() for name in sorted(content)},
    )
    written = {
        MANIFEST: f"{manifest.model_dump_json(indent=2)}\n".encode(),
        **{name: content[name] for name in manifest.files},
    }
    files.write(output, _archive(manifest.name, written))
    return manifest


def unpack(bundle: Path, folder: Path) -> Manifest:
    """Writes the files of a bundle below ``folder``, without the bundle's own folder.

    Raises:
        UsageError: there is no such file.
        DataError: it is no bundle, is damaged, or a newer wideload wrote it.
    """
    if not bundle.is_file():
        raise UsageError(f"{bundle} is no bundle: there is no such file. `wideload bundle RUN` makes one.")
    try:
        members = _members(bundle)
        manifest = _manifest(next(members, ("", b"")), bundle)
        missing = dict(manifest.files)
        for name, content in members:
            if missing.pop(name, None) != hashlib.sha256(content).hexdigest():
                raise DataError(
                    f"{bundle}: {name} is damaged, or was changed after it was packed. Get the bundle again."
                )
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{bundle} is damaged, or no bundle: {error}.") from None
    if missing:
        raise DataError(f"{bundle}: {min(missing)} is missing. Get the bundle again.")
    return manifest


def _files(run: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        yield from sorted(run.glob(pattern))


def _data(results: Results) -> dict[str, str]:
    found: dict[str, str] = {}
    for run in results.runs:
        fingerprint = run.fingerprints.get("data")
        if fingerprint and found.setdefault(run.dataset, fingerprint) != fingerprint:
            raise UsageError(f"{results.path}: {run.dataset} changed between two cases. Run all of it again.")
    if not found:
        raise UsageError(f"{results.path} has no finished case, so there is nothing that others could verify.")
    return dict(sorted(found.items()))


def _archive(folder: str, content: Mapping[str, bytes]) -> bytes:
    """A compressed archive that depends on names and content alone."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)


def _members(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Names below the bundle's folder, and contents."""
    with tarfile.open(bundle, "r:gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            path = PurePosixPath(member.name)
            if file is None or path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
                raise DataError(f"{bundle} is no bundle: it holds {member.name!r}.")
            yield str(PurePosixPath(*path.parts[1:])), file.read()


def _manifest(member: tuple[str, bytes], bundle: Path) -> Manifest:
    name, content = member
    try:
        manifest = Manifest.model_validate_json(content if name == MANIFEST else b"")
    except ValidationError:
        raise DataError(f"{bundle} is no bundle: it does not begin with a {MANIFEST} that can be read.") from None
    if manifest.format > FORMAT:
        raise DataError(
            f"{bundle} has format {manifest.format}; this wideload reads formats up to {FORMAT}. "
            "Use a newer one: pip install --upgrade wideload."
        )
    return manifest
