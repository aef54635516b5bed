"""What travels between an app, its sidecar and the broker: CloudEvents, Dapr's names and values. Pure."""
