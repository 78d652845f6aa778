"""Conclusions from records: statistics, metrics, parity, comparison, time to AUC."""
