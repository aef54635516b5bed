"""One running sidecar: put together, started, listening, stopped."""
