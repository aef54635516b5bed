"""The connection of `pubsub.redis` and `state.redis` to their server, its settings, and its scripts."""
