"""define -> launch -> measure -> record. Nothing here knows a strategy by name, and nothing plots."""
