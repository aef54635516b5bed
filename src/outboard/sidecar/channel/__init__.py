"""The app beside this sidecar: waiting for it, asking what it wants, calling it."""
