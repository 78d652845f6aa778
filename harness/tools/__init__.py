"""Programs about the instrument itself: calibration, windows, bandwidth, two hosts, the CLI reference, variants."""
