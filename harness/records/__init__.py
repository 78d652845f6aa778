"""The records of a run: their schema, how they are stored, read back and exported."""
