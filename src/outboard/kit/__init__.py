"""What runs in the app's process: topics, subscriptions, state. Works with any Dapr sidecar."""
