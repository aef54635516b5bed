"""Handlers as FastAPI routes: declaration, delivery, outcome, dead letters."""
