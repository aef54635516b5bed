"""Spans and metrics of what is published and handled, for OpenTelemetry, where the app has set that up."""
