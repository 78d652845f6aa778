"""Checkpoints in stores other than a local folder: copied there and back through fsspec, complete or absent.

::

    URL/step-000000000120/...    files first, MANIFEST.json last; the manifest is removed first
    upload     every file, then the manifest: a folder without a manifest is not a checkpoint
    download   into a folder of another name, verified, then renamed

Training always resumes from a local folder, because a complete checkpoint depends on renames and syncs, which object
stores do not have. ``file://``, ``memory://`` and the protocols of installed fsspec plugins (s3fs, gcsfs, ...) work;
the plugin takes care of credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wideload import files
from wideload.errors import CheckpointError, UsageError
from wideload.harness.checkpoints.folder import NAME_PATTERN, CheckpointFolder
from wideload.harness.checkpoints.manifest import NAME, Manifest, decoded
from wideload.harness.checkpoints.verify import verify


def is_remote(place: str) -> bool:
    """Whether a place is given as a URL."""
    return "://" in place


@dataclass(frozen=True, slots=True, eq=False)
class RemoteFolder:
    """The checkpoints of one case behind a URL."""

    url: str
    system: Any
    root: str

    @classmethod
    def at(cls, url: str) -> RemoteFolder:
        """The folder behind a URL.

        Raises:
            UsageError: no installed file system has this protocol.
        """
        import fsspec

        try:
            system, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{url} cannot be reached: {error}. Install the fsspec plugin of that store.") from None
        return cls(url.rstrip("/"), system, root.rstrip("/"))

    def names(self) -> list[str]:
        """Complete checkpoints, oldest first."""
        with self._reached():
            if not self.system.exists(self.root):
                return []
            self.system.invalidate_cache()
            found = [path.rstrip("/").rsplit("/", 1)[-1] for path in self.system.ls(self.root, detail=False)]
            return sorted(name for name in found if NAME_PATTERN.fullmatch(name) and self._has(name))

    def manifest(self, name: str) -> Manifest:
        """The checked manifest of a checkpoint.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        with self._reached():
            if not self._has(name):
                raise CheckpointError(f"{self.url}/{name} is not a complete checkpoint: it has no {NAME}.")
            return decoded(self.system.cat_file(self._path(name, NAME)), f"{self.url}/{name}/{NAME}")

    def upload(self, folder: Path) -> None:
        """Copies a checkpoint; one of that name is replaced."""
        manifest = Manifest.read(folder)
        with self._reached():
            self.remove(folder.name)
            for entry in manifest.files:
                path = self._path(folder.name, entry.path)
                self.system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
                self.system.put_file(str(manifest.place(folder, entry)), path)
            self.system.pipe_file(self._path(folder.name, NAME), manifest.encode())

    def download(self, name: str, into: CheckpointFolder) -> Path:
        """Copies a checkpoint into a local folder, verified.

        Raises:
            CheckpointError: it is incomplete or damaged, here or on the way.
            UsageError: the folder has one of that name already.
        """
        target = into.path(name)
        if target.exists():
            raise UsageError(f"{target} exists already.")
        manifest = self.manifest(name)
        with files.new_folder(target) as partial:
            with self._reached():
                for entry in manifest.files:
                    path = partial / entry.path
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self.system.get_file(self._path(name, entry.path), str(path))
            manifest.write(partial)
            verify(partial)
        return target

    def remove(self, name: str) -> None:
        """Removes a checkpoint, its manifest first, so a partial delete never looks complete."""
        with self._reached():
            if self._has(name):
                self.system.rm_file(self._path(name, NAME))
            if self.system.exists(self._path(name)):
                self.system.rm(self._path(name), recursive=True)

    def discard(self) -> None:
        """Removes all checkpoints, newest first: an increment goes before what it builds on."""
        for name in reversed(self.names()):
            self.remove(name)

    def _has(self, name: str) -> bool:
        return bool(self.system.exists(self._path(name, NAME)))

    def _path(self, *parts: str) -> str:
        return "/".join([self.root, *parts])

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(f"{self.url}: {type(error).__name__}: {error}") from None


def mirror(local: CheckpointFolder, url: str) -> None:
    """Makes the store hold the same checkpoints as the folder: uploads what is missing, then removes what is gone."""
    remote = RemoteFolder.at(url)
    there, here = remote.names(), local.names()
    for name in here:
        if name not in there:
            remote.upload(local.path(name))
    for name in there:
        if name not in here:
            remote.remove(name)


def fetch(url: str, local: CheckpointFolder) -> None:
    """Copies the newest checkpoint of a store, and what it builds on, into a folder that has none."""
    remote = RemoteFolder.at(url)
    names = [] if local.names() else remote.names()
    if names:
        copy_here(remote, names[-1], local)


def copy_here(remote: RemoteFolder, name: str, local: CheckpointFolder) -> list[str]:
    """Downloads a checkpoint and what it builds on, the full one first; returns their names."""
    chain = [name]
    while (manifest := remote.manifest(chain[0])).base is not None:
        if manifest.base >= chain[0]:
            raise CheckpointError(f"{remote.url}/{chain[0]} is an increment without an older base.")
        chain.insert(0, manifest.base)
    for link in chain:
        if not local.path(link).exists():
            remote.download(link, local)
    return chain


def copy(source: str, target: str) -> list[str]:
    """Copies a checkpoint and what it builds on into the folder ``target``; one of the two is a URL.

    Returns the names of what was copied.

    Raises:
        UsageError: both are local, or both are not.
        CheckpointError: the source is damaged, or a store cannot be reached.
    """
    if is_remote(source) == is_remote(target):
        raise UsageError("one of the two must be a URL and the other a local folder; locally, `cp -r` does it.")
    if is_remote(source):
        url, _, name = source.rstrip("/").rpartition("/")
        return copy_here(RemoteFolder.at(url), name, CheckpointFolder(Path(target)))
    checkpoint = Path(source).absolute()
    local, remote = CheckpointFolder(checkpoint.parent), RemoteFolder.at(target)
    chain = local.chain(checkpoint.name)
    for link in chain:
        verify(local.path(link))
        remote.upload(local.path(link))
    return chain
