"""A folder of shards -> a stream of batches: manifest, shards, order, decoding, reading ahead."""
