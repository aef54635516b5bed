"""State in the loaded stores: keys, saving, and the outbox of their transactions."""
