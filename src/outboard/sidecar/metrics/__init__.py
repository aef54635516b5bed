"""What one sidecar measures, by the names that daprd has for it."""
