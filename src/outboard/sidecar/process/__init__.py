"""A sidecar as a process of its own: command line, logs, signals, exit code."""
