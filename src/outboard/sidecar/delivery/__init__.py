"""From a message of the broker to its end: read, routed, delivered, settled."""
