"""The secret stores: environment variables and a local file."""
