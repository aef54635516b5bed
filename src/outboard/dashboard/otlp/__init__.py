"""Spans that apps send by OTLP: read within bounds, and kept for the pages that show events."""
