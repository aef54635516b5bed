"""Which metadata of an event may become a header of the request that delivers it. Pure.

Whoever may publish chooses the metadata; an app, and what stands before it, take some headers for the word of
somebody else: who a user is, which page or proxy sent a request, which app calls.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["may_be_header"]

OF_THE_CONNECTION: Final = frozenset(
    [
        "content-type",
        "content-length",
        "host",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "destination-app-id",
    ]
)
NAMES: Final = frozenset(
    [
        "authorization",
        "cookie",
        "dapr-api-token",
        "forwarded",
        "origin",
        "referer",
        "remote-user",
        "x-access-token",
        "x-api-key",
        "x-csrf-token",
        "x-real-ip",
        "x-xsrf-token",
    ]
)
BEGINNINGS: Final = (
    "access-control-request-",
    "cf-access-",
    "dapr-caller-",
    "sec-",
    "x-amzn-oidc-",
    "x-auth",
    "x-client-cert",
    "x-forwarded-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-original-",
    "x-remote-",
    "x-ssl-",
    "x-user",
)


@lru_cache(maxsize=1024)
def may_be_header(name: str) -> bool:
    """Whether metadata called `name`, in lower case, may: neither HTTP itself needs it, nor does it speak for
    others.
    """
    return name not in OF_THE_CONNECTION and name not in NAMES and not name.startswith(BEGINNINGS)
