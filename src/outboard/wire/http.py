"""An HTTP exchange as values, and the port through which one is made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

__all__ = ["NO_HEADERS", "Exchange", "ExchangeFailed", "Request", "Response"]

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """`target` is the path, percent-encoded, with its query; header names are written in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = NO_HEADERS
    body: bytes = b""


class Response(NamedTuple):
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = NO_HEADERS
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300


class ExchangeFailed(Exception):
    """There was no whole response: nobody listened, the connection broke, or the time was up.

    `reason` is a short phrase. `sent` is False where the request certainly never reached the other side.
    `dropped` is True where a connection that had lain idle was closed under the request: the other side
    almost certainly never read it, but nobody can know.
    """

    def __init__(self, reason: str, *, sent: bool = True, dropped: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.dropped = dropped


class Exchange(Protocol):
    """One request to a fixed peer, and its response."""

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        """Send `request`, wait at most `timeout` seconds (None: for ever).

        Raises ExchangeFailed.
        """
        ...
