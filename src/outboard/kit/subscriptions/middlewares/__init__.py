"""What happens around each run of a handler, before its events are settled: one behaviour a file."""
