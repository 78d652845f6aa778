"""Inside one rank: feed -> trainer -> outcome."""
