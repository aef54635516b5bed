"""What the sidecar stands on: pub/sub brokers, state stores, secret stores. One file an adapter."""
