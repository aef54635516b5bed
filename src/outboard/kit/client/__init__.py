"""The sidecar as the kit sees it: a few operations, their values, and the errors they end in."""
