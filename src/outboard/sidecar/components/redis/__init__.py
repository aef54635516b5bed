"""The components on Redis: pub/sub on its streams (pubsub.redis) and state (state.redis)."""
