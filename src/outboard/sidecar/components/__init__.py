"""What the sidecar stands on: pub/sub brokers, state stores, secret stores. A folder a family."""
