"""Checkpoints: complete or absent, checked byte for byte, readable by any number of ranks.

::

    ROOT/step-000000000120/MANIFEST.json        written last: step, strategy, every file with its size and CRC-32
                           model/...            what Trainer.save wrote
                           rank-000.safetensors what rank 0's loop had measured (losses, marks, points)
    ROOT/.partial-step-000000000240/...         being written; a reader never looks at it
    ROOT/.old-step-...                          being removed

    take:    finish ─► barrier ─► write beside ─► sync and sum up ─► MANIFEST ─► rename ─► drop old ones
    resume:  newest name ─► manifest sound? ─► every file sound? ─► Trainer.restore      else the next older one

======================  =====================================================================
:mod:`.manifest`        the manifest, its form on disk, paths that cannot leave the folder
:mod:`.folder`          names, publishing, retention
:mod:`.schedule`        when: every N steps, every so many seconds
:mod:`.progress`        what a rank's loop has measured so far
:mod:`.checkpointer`    the collective: take and resume
:mod:`.verify`          every file and block of a checkpoint, checked
:mod:`.rows`            table rows in files: read, write, merge increments
:mod:`.arrow`           table rows as Arrow batches, and back
:mod:`.database`        Arrow batches to and from SQLite and PostgreSQL
:mod:`.quantise`        smaller rows for exports, with the error they make
======================  =====================================================================
"""
