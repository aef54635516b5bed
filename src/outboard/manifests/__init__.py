"""Kubernetes manifests of the apps of a `dapr.yaml`: decided as values, then written as text."""
