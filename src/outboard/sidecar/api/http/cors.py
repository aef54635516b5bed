"""Which web pages may call the API: the answers to a browser's questions about origins. Pure.

Source: Fetch standard, "CORS protocol"; daprd 1.18 for what is answered to an origin that is not allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.api.http.messages import ApiRequest, Reply

__all__ = ["Cors"]

ANY: Final = "*"
METHODS: Final = frozenset({"HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"})
ASKED_METHOD: Final = "access-control-request-method"
ASKED_HEADERS: Final = "access-control-request-headers"
ALLOW_ORIGIN: Final = "access-control-allow-origin"


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins ("https://example.com", with one `*` for any text, or `*` alone) whose pages may call."""

    origins: tuple[str, ...]

    def preflight(self, request: ApiRequest) -> Reply | None:
        """The answer to a browser that asks before it calls; None for any other request."""
        method = request.headers.get(ASKED_METHOD, "").upper()
        if request.method != "OPTIONS" or not method:
            return None
        headers = {"vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        allowed = self._allowing(request.headers.get("origin", ""))
        if allowed and method in METHODS:
            headers |= {ALLOW_ORIGIN: allowed, "access-control-allow-methods": method}
            asked = _canonical(request.headers.get(ASKED_HEADERS, ""))
            headers |= {"access-control-allow-headers": asked} if asked else {}
        return Reply(200, headers=headers, content_type="")

    def headers(self, request: ApiRequest) -> Mapping[str, str]:
        """What is added to the answer of any other request."""
        allowed = self._allowing(request.headers.get("origin", ""))
        if allowed and (request.method in METHODS or request.method == "OPTIONS"):
            return {"vary": "Origin", ALLOW_ORIGIN: allowed}
        return {"vary": "Origin"}

    def allows(self, origin: str) -> bool:
        """Whether pages of `origin` may call."""
        return bool(self._allowing(origin))

    def _allowing(self, origin: str) -> str:
        """What to allow to `origin`; empty for nothing."""
        if not origin:
            return ""
        if ANY in self.origins:
            return ANY
        return origin if any(_fits(origin.lower(), allowed.lower()) for allowed in self.origins) else ""


def _fits(origin: str, allowed: str) -> bool:
    head, star, tail = allowed.partition(ANY)
    if not star:
        return origin == allowed
    return len(origin) >= len(head) + len(tail) and origin.startswith(head) and origin.endswith(tail)


def _canonical(names: str) -> str:
    """Header names as Go writes them: `content-type,x-y` becomes `Content-Type, X-Y`."""
    parts = (name.strip() for name in names.split(","))
    return ", ".join("-".join(word.capitalize() for word in name.split("-")) for name in parts if name)
