"""What a sidecar tells of itself: its metadata, and how far its start has come."""
