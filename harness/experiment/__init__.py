"""What to measure: the experiment file, its cases, and how often a case saves checkpoints."""
