"""Which requests a web browser may make of the API: none for a page of somebody else. Pure.

A page of any site can let the browser of its reader send a request to this machine. It cannot read the
answer, but what the request does is done; and a page whose name leads to this machine (DNS rebinding) reads
the answers too. A browser tells of the former by `Origin` and `Sec-Fetch-Site`, of the latter by `Host`.
Source: Fetch standard, "Origin header"; W3C, "Fetch Metadata Request Headers"; RFC 6761 for `localhost`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from outboard.sidecar.api.http.cors import Cors
from outboard.sidecar.api.http.messages import ApiRequest
from outboard.sidecar.errors import ApiError

__all__ = ["CrossOriginRules", "comes_from_browser", "is_loopback"]

ORIGIN: Final = "origin"
SITE: Final = "sec-fetch-site"
MODE: Final = "sec-fetch-mode"
PREFLIGHT: Final = "OPTIONS"
OTHER_SITES: Final = frozenset({"cross-site", "same-site"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
LONGEST_SHOWN: Final = 100
LOCAL_NAMES: Final = frozenset({"localhost", "host.docker.internal"})
"""Names of this machine that no stranger can let lead anywhere; the second is what containers say."""


@dataclass(frozen=True, slots=True)
class CrossOriginRules:
    """`cors` is None where no origin is allowed. With `loopback_only` the API is for this machine alone."""

    cors: Cors | None = None
    loopback_only: bool = False

    def refusal(self, request: ApiRequest) -> ApiError | None:
        """What a request that a page of somebody else made is answered; None for any other request."""
        headers = request.headers
        if self.loopback_only and not self._names_this_machine(headers.get("host", "")):
            return _refused(
                "HOST", f"{_shown(headers['host'])} is no host of this API, which is for this machine"
            )
        if request.method == PREFLIGHT:  # it asks, and does nothing; a page that is not allowed gets no leave
            return None
        if ORIGIN in headers:
            origin = headers[ORIGIN]
            if self._allows(origin) or _is_own(origin, headers.get("host", "")):
                return None
            return _refused("ORIGIN", f"pages of {_shown(origin)} may not call this API")
        if headers.get(SITE, "").lower() in OTHER_SITES and not _is_followed_link(request.method, headers):
            return (
                None if self._allows("null") else _refused("ORIGIN", "pages elsewhere may not call this API")
            )
        return None

    def _allows(self, origin: str) -> bool:
        return self.cors is not None and self.cors.allows(origin)

    def _names_this_machine(self, authority: str) -> bool:
        """An allowed page may come by its own name, as behind a proxy. No `Host` at all is no browser's."""
        if not authority or _is_local(_host(authority)):
            return True
        return self._allows(f"http://{authority}") or self._allows(f"https://{authority}")


def comes_from_browser(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent this, for a page; `headers` by lower-case name."""
    return ORIGIN in headers or SITE in headers


def is_loopback(addresses: Iterable[str]) -> bool:
    """Whether all of these addresses to listen on can be reached from this machine alone."""
    return all(address == "localhost" or _is_loopback_ip(address) for address in addresses)


def _refused(what: str, why: str) -> ApiError:
    advice = "Name the origins of pages that may call with --allowed-origins"
    return ApiError(403, f"ERR_{what}_NOT_ALLOWED", f"{why}. {advice}")


def _shown(text: str) -> str:
    return repr(text[:LONGEST_SHOWN])


def _is_followed_link(method: str, headers: Mapping[str, str]) -> bool:
    """A reader who goes to an address sees the answer, and the page that led there does not."""
    return method in SAFE_METHODS and headers.get(MODE, "").lower() == "navigate"


def _is_own(origin: str, authority: str) -> bool:
    """Whether a page of this very address calls. By a name of somebody else it could be any page."""
    return origin.lower() == f"http://{authority.lower()}" and _is_local(_host(authority))


def _host(authority: str) -> str:
    """Without port and brackets; empty for what is no host."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_local(host: str) -> bool:
    """An address cannot be made to lead elsewhere, as a name can."""
    if host in LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback_ip(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
