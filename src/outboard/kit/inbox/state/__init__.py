"""The inbox in a state store, for handlers without a SQL database."""
