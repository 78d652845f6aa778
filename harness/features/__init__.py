"""Columns + schema -> batches: what a declaration means for the data at hand, compiled once per rank."""
