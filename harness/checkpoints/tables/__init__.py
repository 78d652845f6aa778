"""Rows of tables on disk and elsewhere: row files, Parquet, Arrow, databases, quantisation.

==================  ===============================================================
:mod:`.rows`        rows in files: read, write, merge increments
:mod:`.dense`       the dense parameters of the parameter server, in files
:mod:`.rewrite`     makes a new checkpoint from an old one
:mod:`.diff`        compares the rows of two checkpoints
:mod:`.arrow`       rows as Arrow batches, and back
:mod:`.parquet`     rows as Parquet
:mod:`.database`    Arrow batches to and from SQLite and PostgreSQL
:mod:`.exchange`    exports and imports whole tables
:mod:`.quantise`    weights in fewer bits for exports, with the error that this makes
==================  ===============================================================
"""
