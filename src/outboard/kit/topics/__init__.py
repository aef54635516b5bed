"""Typed topics: what is published to them, and how an event is made whole."""
