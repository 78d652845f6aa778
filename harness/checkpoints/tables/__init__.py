"""Rows of tables on disk and elsewhere: row files, Parquet, Arrow, databases, quantisation."""
