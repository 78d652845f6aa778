"""Reads a folder of shards as a stream of batches: manifest, shards, order, decoding, read-ahead."""
