"""Mistakes in Dapr's resources, Kubernetes manifests and `dapr.yaml`, found before anything is started."""
