"""The dashboard over HTTP: the gate that each request passes, templates, static files, and streams."""
