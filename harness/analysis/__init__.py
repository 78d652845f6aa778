"""What records allow to conclude: statistics, metrics, parity, comparison, time to AUC."""
