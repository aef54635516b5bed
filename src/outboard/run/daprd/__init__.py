"""Dapr's own sidecar in the place of Outboard's: found, started, listened to, stopped."""
