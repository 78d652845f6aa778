"""Checkpoints: complete or absent, with a checksum over every byte, readable by any number of ranks.

::

    ROOT/step-000000000120/MANIFEST.json        written last: step, strategy, every file with its size and CRC-32
                           model/...            what Trainer.save wrote
                           workload.json        what it was trained on
                           rank-000.safetensors what rank 0's loop had measured (losses, batch checksums, points)
    ROOT/.step-000000000240.partial/...         being written; a reader never looks at it
    ROOT/.old-step-...                          being removed

    take:    finish ─► barrier ─► copy; in the background: write ─► sync and checksum ─► MANIFEST ─► rename ─► drop old
    resume:  newest name ─► manifest sound? ─► every file sound? ─► Trainer.restore      else the next older one

======================  =====================================================================
:mod:`.manifest`        the manifest, its form on disk, paths that cannot lead out of the folder
:mod:`.folder`          names and retention
:mod:`.interval`        when a checkpoint is due: every N steps, every so many seconds
:mod:`.trained`         what a checkpoint was trained on
:mod:`.checkpointer`    takes checkpoints and resumes from them; collective
:mod:`.background`      a checkpoint that is written while training continues
:mod:`.publishing`      the last step: manifest, name, copy elsewhere
:mod:`.resuming`        finds the newest complete checkpoint and loads it
:mod:`.cost`            what checkpoints cost, for the record
:mod:`.remote`          copies in stores, through fsspec
:mod:`.verify`          checks every file and block of a checkpoint
:mod:`.variables`       a replicated model as one file
:mod:`.tables`          rows of tables: files, Parquet, Arrow, databases, quantisation
======================  =====================================================================
"""
