"""Which requests the dashboard takes at all: none that a page of somebody else has made.

A page of any site can let the browser of its reader send a request to this machine; `Origin` and
`Sec-Fetch-Site` tell of it. A page whose name leads to this machine (DNS rebinding) would read the answers,
too; `Host` tells of that.
Source: Fetch standard, "Origin header"; W3C, "Fetch Metadata Request Headers"; RFC 6761 for `localhost`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["AccessRules"]

LONGEST_SHOWN: Final = 100
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
OWN_SITES: Final = frozenset({"", "same-origin", "none"})
"""`none`: a person has typed the address, or opened it from a terminal. Old browsers send no such header."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """`names` are the host names, in lower case, that the dashboard has besides `localhost`. It answers to
    any address: nobody can let an address lead elsewhere.
    """

    names: frozenset[str] = frozenset()

    def refusal(self, method: str, headers: Mapping[str, str]) -> str:
        """Why a request is refused, a sentence; empty where it is not. `headers` by lower-case name."""
        authority = headers.get("host", "")
        if not self._is_own_host(authority):
            return f"{_shown(authority)} is no name of this dashboard."
        if "origin" in headers and headers["origin"].lower() != f"http://{authority.lower()}":
            return f"Pages of {_shown(headers['origin'])} may not use this dashboard."
        if method not in SAFE_METHODS:
            return "" if "origin" in headers else "A request that changes something has to name its origin."
        if headers.get("sec-fetch-site", "").lower() in OWN_SITES or _is_followed_link(headers):
            return ""
        return "Pages elsewhere may not use this dashboard."

    def exporter_refusal(self, headers: Mapping[str, str]) -> str:
        """The same of a request of a program that exports spans: it is no browser, so it names no origin."""
        authority = headers.get("host", "")
        if not self._is_own_host(authority):
            return f"{_shown(authority)} is no name of this dashboard."
        if "origin" in headers or "sec-fetch-site" in headers:
            return "Pages in a browser may not send spans to this dashboard."
        return ""

    def _is_own_host(self, authority: str) -> bool:
        try:
            host = (urlsplit(f"//{authority}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return host == "localhost" or host.endswith(".localhost") or host in self.names or _is_address(host)


def _is_followed_link(headers: Mapping[str, str]) -> bool:
    """A reader who goes to an address sees the answer, and the page that led there does not. In a frame it
    could lie under the reader's mouse.
    """
    asked = headers.get("sec-fetch-mode", "").lower(), headers.get("sec-fetch-dest", "").lower()
    return asked == ("navigate", "document")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return repr(text[:LONGEST_SHOWN])
