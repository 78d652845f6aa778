"""Columns + schema -> batches: the declaration of columns, compiled once per rank for the data at hand."""
