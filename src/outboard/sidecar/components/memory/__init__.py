"""The in-memory components: pub/sub (pubsub.in-memory) and state (state.in-memory)."""
