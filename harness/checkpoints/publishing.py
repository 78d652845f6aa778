"""The last step of writing a checkpoint: its manifest, then its name, then a copy elsewhere."""

from __future__ import annotations

import sys

from wideload import files
from wideload.errors import CheckpointError
from wideload.harness.checkpoints.folder import CheckpointFolder
from wideload.harness.checkpoints.manifest import Manifest
from wideload.harness.checkpoints.remote import mirror
from wideload.harness.experiment.checkpointing import Settings


def publish(folder: CheckpointFolder, manifest: Manifest, settings: Settings) -> None:
    """Makes the files of the partial folder, which are synced, the newest checkpoint; keeps the last ``settings.keep``.

    When the mirror cannot be reached, there is a warning and no copy.
    """
    partial = folder.partial(manifest.step)
    manifest.write(partial)
    for inside in [path for path in partial.rglob("*") if path.is_dir()] + [partial]:
        files.sync_folder(inside)
    folder.publish(manifest.step)
    folder.keep_last(settings.keep)
    if settings.mirror is not None:
        try:
            mirror(folder, settings.mirror)
        except CheckpointError as error:
            sys.stderr.write(f"warning: no copy of the checkpoint at step {manifest.step}: {error}\n")
