"""The parts of `pubsub.redis`: entries of streams, what is held of them, how they are read and settled."""
