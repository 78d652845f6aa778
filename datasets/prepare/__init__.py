"""Converts source files to a folder of shards with a manifest."""
