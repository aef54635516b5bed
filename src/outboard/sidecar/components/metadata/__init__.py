"""A component's metadata items: secrets and templates in them resolved, and read as values."""
