"""One supervised mpirun job and its files: launcher, messages, heartbeat, supervisor, watchdog, process tree."""
