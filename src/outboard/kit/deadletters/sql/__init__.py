"""The database of collected dead letters: its table, and what is asked of it."""
