"""A cluster of one node that runs pods, with Dapr's control plane, in namespaces of its own."""
