"""Outboard: event-driven FastAPI services on Dapr."""
