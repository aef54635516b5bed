"""HTTP/2 without TLS, by prior knowledge and by an upgrade: another way to the same application."""
