"""What is kept of a run: schema, store, results, export."""
