"""Finds out how files are written and what their columns mean, from their first rows.

::

    path ──inputs──► files          train, validation and test files, formats that are known by their file names
    file ──dialect, sample──► Sample       delimiter, header, quotes; the first rows as columns of text
    column ──profile──► Profile            how its values are written, how many differ
    Sample ──label, time, field──► Finding a Layout, and for each column what was found and how sure that is
    Finding ──document──► layout.toml      commented

What is written is read by the readers of :mod:`wideload.datasets.readers`; nothing here reads a row for training.
"""
