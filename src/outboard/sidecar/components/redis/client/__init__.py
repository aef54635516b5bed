"""The connection of `pubsub.redis` and `state.redis` to their server, and its settings."""
