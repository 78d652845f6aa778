"""Rows of tables on disk and elsewhere: row files, Parquet, Arrow, databases, quantisation.

==================  ===============================================================
:mod:`.rows`        rows in files: read, write, merge increments
:mod:`.dense`       the dense parameters of the parameter server in files
:mod:`.rewrite`     a new checkpoint from an old one
:mod:`.diff`        what is different between two
:mod:`.arrow`       rows as Arrow batches, and back
:mod:`.parquet`     rows as Parquet
:mod:`.database`    Arrow batches to and from SQLite and PostgreSQL
:mod:`.exchange`    whole tables out and back
:mod:`.quantise`    smaller rows for exports, with the error they make
==================  ===============================================================
"""
