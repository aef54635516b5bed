"""A typed view of a state store."""
