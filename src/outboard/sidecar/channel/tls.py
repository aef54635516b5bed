"""TLS to the app. Nothing is verified, as in daprd: its certificate is mostly one of its own."""

from __future__ import annotations

import ssl

__all__ = ["unverified_tls"]


def unverified_tls(*protocols: str) -> ssl.SSLContext:
    """For a client that speaks one of `protocols`, by their names in ALPN; none for HTTP/1.1."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context
