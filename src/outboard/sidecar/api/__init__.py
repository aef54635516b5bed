"""The APIs that a sidecar serves, by protocol."""
