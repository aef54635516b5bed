"""`outboard run`: the services of a `dapr.yaml` with their sidecars, started and stopped together."""
