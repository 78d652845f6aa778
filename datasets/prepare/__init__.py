"""Source files -> a folder of shards with a manifest."""
