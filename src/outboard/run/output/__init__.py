"""What happens in a run, as values, and where it is written: terminal, JSON lines, log files."""
