"""The inbox in a SQL database, which is an extra."""
