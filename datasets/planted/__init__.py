"""Examples drawn from a known truth, so that the best possible AUC is known."""
