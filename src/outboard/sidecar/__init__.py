"""A local Dapr sidecar: the HTTP API of daprd over components that need nothing else on the machine."""
