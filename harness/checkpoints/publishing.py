"""The last act of a checkpoint: its manifest, then its name."""

from __future__ import annotations

from wideload.harness.checkpoints.folder import CheckpointFolder, sync_folder
from wideload.harness.checkpoints.manifest import Manifest


def publish(folder: CheckpointFolder, manifest: Manifest, keep: int) -> None:
    """Makes what lies beside, written and synced, the newest checkpoint; all but the last ``keep`` go."""
    partial = folder.partial(manifest.step)
    manifest.write(partial)
    for inside in [path for path in partial.rglob("*") if path.is_dir()] + [partial]:
        sync_folder(inside)
    folder.publish(manifest.step)
    folder.keep_last(keep)
