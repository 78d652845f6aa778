"""Checkpoints: complete or absent, checked byte for byte, readable by any number of ranks.

::

    ROOT/step-000000000120/MANIFEST.json        written last: step, strategy, every file with its size and CRC-32
                           model/...            what Trainer.save wrote
                           workload.json        what it was trained on
                           rank-000.safetensors what rank 0's loop had measured (losses, marks, points)
    ROOT/.step-000000000240.partial/...         being written; a reader never looks at it
    ROOT/.old-step-...                          being removed

    take:    finish ─► barrier ─► copy; beside training: write ─► sync and sum up ─► MANIFEST ─► rename ─► drop old
    resume:  newest name ─► manifest sound? ─► every file sound? ─► Trainer.restore      else the next older one

======================  =====================================================================
:mod:`.manifest`        the manifest, its form on disk, paths that cannot leave the folder
:mod:`.folder`          names and retention
:mod:`.interval`        when: every N steps, every so many seconds
:mod:`.trained`         what a checkpoint was trained on
:mod:`.checkpointer`    the collective: take and resume
:mod:`.background`      a checkpoint that is written while training goes on
:mod:`.publishing`      its manifest, its name
:mod:`.resuming`        the newest that is whole
:mod:`.cost`            what they cost
:mod:`.remote`          copies in stores, through fsspec
:mod:`.verify`          every file and block of a checkpoint, checked
:mod:`.variables`       a replicated model as one file
:mod:`.tables`          rows of tables: files, Parquet, Arrow, databases, quantisation
======================  =====================================================================
"""
