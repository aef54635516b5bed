"""The components that keep in a SQLite file: pub/sub (pubsub.sqlite) and state (state.sqlite)."""
